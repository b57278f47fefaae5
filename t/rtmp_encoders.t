#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What real encoders send, replayed byte for byte: OBS with its video, ffmpeg
# with its digest handshake, GStreamer with its small chunks and names in
# deleteStream.  Each AAC frame must come out of the parts untouched and in
# order, at the recording's own pace and as fast as the socket takes it.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


my %NAME = (obs => 'studio1', ffmpeg => 'studio2', gst => 'gst1');
my %FAST = (obs => 'studio3', ffmpeg => 'studio4', gst => 'gst2');

need('ffmpeg');
my $node = Stentor::Node->new(window => '45s', zone => '64m',
                              linger => '60s');


# Polls until all frames of a recording are in the window, one after another.

sub comes_out($name, $frames) {
    my $hay = [];
    my $parts = -1;

    my $ok = $node->wait_until(sub {
        my $st = $node->stream("live/$name") // {};
        my $now = $st->{parts} // return 0;
        return 0 if $now == $parts;
        $parts = $now;

        $hay = eval { (heard($node, $name))[0] } // [];
        return defined find_run($hay, $frames);
    }, 15);

    diag(find_best($hay, $frames)) if !$ok;
    return $ok;
}


my %pid = map { $_ => replay_child($node, capture($_, $NAME{$_}),
                                   pace => 1) } keys %NAME;

my $status = $node->wait_status(sub ($s) {
    return 3 == grep { $_->{session} && $_->{session}{audio_frames} }
                @{ $s->{streams} };
}, 10, 'three encoders on the air');

my %stream = map { $_->{name} => $_ } @{ $status->{streams} };

is_deeply([ sort keys %stream ],
          [ map { "live/$_" } sort values %NAME ],
          'the query of a key is no part of the name');

like($stream{'live/studio1'}{session}{encoder} // '', qr/obs-output/,
     'obs is known by its metadata');
like($stream{'live/studio2'}{session}{encoder} // '', qr/Lavf/,
     'ffmpeg is known by its metadata');
is($stream{'live/studio1'}{session}{protocol}, 'rtmp', 'protocol');
is($stream{'live/studio1'}{session}{address}, '127.0.0.1', 'address');

for my $encoder (sort keys %NAME) {
    waitpid($pid{$encoder}, 0);
    is($?, 0, "$encoder: the whole recording is taken");
}

for my $encoder (sort keys %NAME) {
    my ($frames) = Stentor::RTMP::recorded_audio(capture($encoder));
    ok(comes_out($NAME{$encoder}, $frames),
       "$encoder: all frames come out, in order and untouched");
}

my @video = grep { $_->{type} == Stentor::RTMP::VIDEO }
            Stentor::RTMP::recorded(capture('obs'));
my $bytes = 0;
$bytes += length($_->{body}) for @video;

$status = $node->status();
is($status->{ingest}{video_messages}, scalar(@video), 'video is counted');
is($status->{ingest}{video_bytes}, $bytes, 'and so are its bytes');

for my $encoder (sort keys %FAST) {
    my $s = Stentor::RTMP->replay($node->port_rtmp(),
        capture($encoder, $FAST{$encoder}), piece => 1021);
    ok($s->finish(), "$encoder at once: the whole recording is taken");
}

for my $encoder (sort keys %FAST) {
    my ($frames) = Stentor::RTMP::recorded_audio(capture($encoder));
    ok(comes_out($FAST{$encoder}, $frames),
       "$encoder at once: all frames come out");
}

my (undef, $init) = heard($node, 'studio1');
is($init->{codecs}, 'mp4a.40.2', 'codec of the init segment');
is($init->{timescale}, 48000, 'time scale of the init segment');

for my $name (values %NAME, values %FAST) {
    conforms("playlist of $name",
             Stentor::Conformance::check(playlist($node, $name)));
}

is($node->status()->{ingest}{protocol_errors}, 0, 'no protocol error');
unlike($node->log(), qr/token=/, 'no key in the log');

$node->done('TERM');
done_testing();
