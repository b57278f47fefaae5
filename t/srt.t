#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# SRT as encoders send it, from the encoder to the ear: each codec and
# packaging that MPEG-TS has for audio, with video and other tracks beside it,
# with encryption, over IPv6, from ffmpeg and from GStreamer.  The tone that
# was sent is heard, as loud as it was, without a gap.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::Tone;

use IO::Socket::IP;


need(qw(ffmpeg timeout));

use constant {
    HZ => 660,
    OTHER_HZ => 880,                   # in the tracks that are not wanted
    SECONDS => 3,
};

my $SECRET = 'correct-horse-battery';
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $encoders = `ffmpeg -hide_banner -encoders 2>&1`;


# A file of a tone, coded as said.

sub file($name, $hz, @how) {
    my $path = "$dir/$name";

    system(qw(ffmpeg -nostdin -loglevel error -y -f lavfi -i),
           Stentor::Tone::source($hz), '-t', 150, @how, $path) == 0
        or die "ffmpeg makes no $name: $?\n";
    return $path;
}


# One of several tracks and a picture.

sub tracks($name, @video) {
    my $path = "$dir/$name";

    system(qw(ffmpeg -nostdin -loglevel error -y),
           (map { (qw(-f lavfi -i), Stentor::Tone::source($_)) }
            OTHER_HZ, HZ, OTHER_HZ),
           qw(-f lavfi -i testsrc=s=160x120:r=10 -t 150),
           qw(-map 0 -map 1 -map 2 -map 3 -c:a aac -b:a 128k),
           @video, $path) == 0 or die "ffmpeg makes no $name: $?\n";
    return $path;
}


# With a picture of many bytes beside it.

sub picture($name, $video) {
    my $path = "$dir/$name";

    system(qw(ffmpeg -nostdin -loglevel error -y -f lavfi -i),
           Stentor::Tone::source(HZ), qw(-f lavfi -i testsrc=s=320x240:r=25),
           '-t', 150, '-c:v', split(' ', $video), qw(-g 25 -b:v 2M),
           qw(-c:a aac -b:a 128k), $path) == 0
        or die "ffmpeg makes no $name: $?\n";
    return $path;
}


my @AAC = qw(-c:a aac -b:a 128k);
my $aac = file('stereo.m4a', HZ, @AAC);

# An IPv6 address, if the machine has one.
my $v6 = IO::Socket::IP->new(Proto => 'udp', LocalHost => '::1')
         && Stentor::Node::free_port('udp');

my $node = Stentor::Node->new(window => '20s', linger => '60s', zone => '64m',
    srt => ['latency=150ms', "passphrase=$SECRET pbkeylen=32",
            'latency=500ms'],
    stentor => $v6 ? "srt [::1]:$v6;" : '');

# name => {file, options, url, id: where it differs from live/name}
my %sent = (
    # several frames in each PES packet, as ffmpeg does it by default
    adts => { file => $aac },
    single => { file => $aac, options => [qw(-pes_payload_size 0)] },
    latm => { file => $aac, options => [qw(-mpegts_flags latm)] },
    mono => { file => file('mono.m4a', HZ, '-af', 'pan=mono|c0=c0',
                           '-ar', 44100, @AAC) },
    mpeg2 => { file => picture('mpeg2.mkv', 'mpeg2video') },
    track => { file => tracks('tracks.mkv', qw(-c:v mpeg2video)),
               options => [qw(-map 0)],
               id => '#!::r=live/track,m=publish,track=2' },
    aes => { file => $aac, url => $node->srt_url(1),
             options => ['-passphrase', $SECRET, qw(-pbkeylen 32)] },
    patient => { file => $aac, url => $node->srt_url(2),
                 options => [qw(-latency 300000)] },
);

$sent{h264} = { file => picture('h264.mkv', 'libx264 -preset ultrafast') }
    if $encoders =~ /libx264/;
$sent{v6} = { file => $aac, url => "srt://[::1]:$v6" } if $v6;


sub pushes($node, $name, $how) {
    return Stentor::Encoder->start(
        file => $how->{file}, url => $how->{url} // $node->srt_url(),
        format => 'mpegts', log => "$dir/$name.log",
        options => [@{ $how->{options} // [] }, '-srt_streamid',
                    $how->{id} // "#!::r=live/$name,m=publish"]);
}


sub gstreamer($name) {
    my $url = $node->srt_url();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDOUT, '>', "$dir/$name.log");
        open(STDERR, '>&', \*STDOUT);
        exec(qw(timeout 170 gst-launch-1.0 -q audiotestsrc is-live=true
                num-buffers=16000), 'freq=' . HZ,
             'volume=' . Stentor::Tone::amplitude(),
             split(' ', 'samplesperbuffer=480 ! audio/x-raw,rate=48000,'
                   . 'channels=2 ! voaacenc bitrate=128000 ! aacparse'
                   . ' ! mpegtsmux ! srtsink wait-for-connection=false'),
             "uri=$url", "streamid=#!::r=live/$name,m=publish")
            or POSIX::_exit(127);
    }

    return $pid;
}


sub comes($node, $name) {
    $node->wait_stream("live/$name", sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session}
               && $st->{session}{srt}{packets};
    }, 2 * $Stentor::Node::PATIENCE, "$name on the air")
        or diag(Stentor::Node::slurp("$dir/$name.log"));
}


# All that were sent, each to an ear, and what the status says at the end.

sub all_heard($node, @names) {
    my %witness = map {
        $_ => Stentor::Listener->fork_run(170, port => $node->port_http(),
            path => "/live/$_", edge => 1,
            rendition => $node->stream("live/$_")->{renditions}[0]{name})
    } @names;

    Stentor::Tone::is_heard($node, $_, HZ, $_, SECONDS) for @names;

    for my $name (@names) {
        my $repairs = $node->stream("live/$name")->{repairs};

        is("@$repairs{qw(gaps_filled resyncs stale_dropped broken)}",
           '0 0 0 0', "$name: nothing was repaired");
        conforms("$name: one programme",
                 @{ $witness{$name}->join()->{violations} });
    }
}


# --- passed through: AAC

my %encoder = map { $_ => pushes($node, $_, $sent{$_}) } keys %sent;
my $gst;

SKIP: {
    my $what = 'gst-launch-1.0 with srtsink, mpegtsmux and voaacenc';
    skip("needs $what", 1) if !Stentor::Node::has(
        !(grep { system("gst-inspect-1.0 $_ > /dev/null 2>&1") != 0 }
          qw(srtsink mpegtsmux voaacenc)), $what);

    $gst = gstreamer('gst');
    pass('GStreamer is there');
}

my @names = (sort(keys %sent), $gst ? 'gst' : ());
comes($node, $_) for @names;
all_heard($node, @names);

my %session = map { $_ => $node->stream("live/$_")->{session} } @names;

for my $name (@names) {
    my $s = $session{$name};

    is($s->{protocol}, 'srt', "$name: the protocol in the status");
    like($s->{encoder}, qr/^libsrt 1\.\d+\.\d+$/, "$name: his libsrt");
    is($s->{address}, $name eq 'v6' ? '::1' : '127.0.0.1',
       "$name: his address");
    cmp_ok($s->{bytes}, '>', 10_000, "$name: bytes are counted");
    is($s->{srt}{key_bits}, $name eq 'aes' ? 256 : 0, "$name: his key");
    cmp_ok($s->{srt}{rtt_ms}, '>', 0, "$name: the way there and back");
    cmp_ok($s->{srt}{rtt_ms}, '<', 100, "$name: is short");
    is("@{ $s->{srt} }{qw(dropped undecrypted)}", '0 0',
       "$name: nothing was dropped");
}

# of both sides' the greater one counts; an encoder says 120 ms by itself
is($session{adts}{srt}{latency_ms}, 150, 'the latency of the port');
is($session{patient}{srt}{latency_ms}, 500, 'of another port');
is($session{aes}{srt}{latency_ms}, 200, 'the default');

for my $name (grep { $session{$_} } qw(mpeg2 h264)) {
    my $s = $session{$name};

    cmp_ok($s->{video_messages}, '>', 1000, "$name: packets of video");
    is($s->{video_bytes}, 188 * $s->{video_messages}, "$name: their bytes");
    cmp_ok($s->{video_bytes}, '>', $s->{bytes} / 2, "$name: are most of it");
}

is($session{adts}{video_messages}, 0, 'none where there is none');

my $mono = $node->stream('live/mono')->{renditions}[0];
is("@$mono{qw(rate channels)}", '44100 1', 'mono: as it was sent');

ok($_->stop(), 'an encoder leaves in order') for values %encoder;

if ($gst) {
    kill('INT', $gst);
    waitpid($gst, 0);
}

ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 0 },
                      $Stentor::Node::PATIENCE, 'sessions'), 'all have left');

my $ingest = $node->status()->{ingest};
is("@$ingest{qw(protocol_errors timeouts refused_codec)}", '0 0 0',
   'nobody was refused');
$node->done('TERM');

# --- with renditions: what else MPEG-TS may carry

my $ladder = Stentor::Node->new(window => '20s', linger => '60s',
    zone => '64m', srt => [''],
    application => 'rendition main bitrate=128k;');

my %other = (
    mp2 => { file => file('mp2.mp2', HZ, qw(-c:a mp2 -b:a 192k)) },
    ac3 => { file => file('ac3.ac3', HZ, qw(-c:a ac3 -b:a 192k)) },
    eac3 => { file => file('eac3.eac3', HZ, qw(-c:a eac3 -b:a 192k)) },
    aac => { file => $aac },
);

$other{mp3} = { file => file('mp3.mp3', HZ, qw(-c:a libmp3lame -b:a 128k)) }
    if Stentor::Node::has($encoders =~ /libmp3lame/, 'libmp3lame');
$other{opus} = { file => file('opus.ogg', HZ, qw(-c:a libopus -b:a 128k)) }
    if Stentor::Node::has($encoders =~ /libopus/, 'libopus');

%encoder = map { $_ => pushes($ladder, $_, $other{$_}) } keys %other;
comes($ladder, $_) for sort keys %other;
all_heard($ladder, sort keys %other);
ok($_->stop(), 'an encoder leaves in order') for values %encoder;

is($ladder->status()->{ingest}{refused_codec}, 0, 'nobody was refused');
$ladder->done('TERM');
done_testing();
