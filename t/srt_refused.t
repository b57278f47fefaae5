#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Whoever may not come in by SRT, or sends what is of no use, is refused with
# a code that his encoder shows, is counted and told of in the log; passphrases
# are told nowhere; and a good broadcaster is heard all the while without a
# gap, whatever comes to his port.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;

use Time::HiRes qw(time);


need(qw(ffmpeg timeout));

use constant {
    OPEN => 0, LOCKED => 1,            # the ports
    HZ => 660,
    MEDIA_TIMEOUT => 2,

    # libsrt's own reason (srt.h)
    UNSECURE => 11,
};

my $SECRET = 'correct-horse-battery';
my $WRONG = 'incorrect-horse-battery';
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $node = Stentor::Node->new(window => '20s', linger => '60s', srt => [
    'media_timeout=' . MEDIA_TIMEOUT . 's',
    "passphrase=$SECRET stream=live/locked",
]);
my $good = Stentor::Encoder->start(
    file => Stentor::Tone::file("$dir/good.m4a", HZ, 300),
    url => $node->srt_url(), format => 'mpegts', log => "$dir/good.log",
    options => ['-srt_streamid', '#!::r=live/good,m=publish']);

$node->wait_stream('live/good', sub ($st) {
    return $st && $st->{state} eq 'live' && $st->{session};
}, 2 * $Stentor::Node::PATIENCE, 'the good one is on the air');

my $witness = Stentor::Listener->fork_run(280, port => $node->port_http(),
                                          path => '/live/good', edge => 1);


sub caller_to($port, %o) {
    return Stentor::SrtCaller->connect(port => $node->port_srt($port), %o);
}


sub ingest() { return $node->status()->{ingest} }


# is_told(what, counter, before, regex, from): the counter grew by one, and the
# log has a line since.

sub is_told($what, $counter, $before, $regex, $from) {
    ok($node->wait_until(sub { ingest()->{$counter} == $before + 1 }),
       "$what: $counter") or diag("$before, now ", ingest()->{$counter});
    ok($node->wait_until(sub { substr($node->log(), $from) =~ $regex }),
       "$what: the log says why") or diag(substr($node->log(), $from));
}


# --- refused in the handshake

sub refused($what, $code, $counter, $regex, $port, %o) {
    my ($before, $from) = (ingest()->{$counter}, length($node->log()));
    my $c = caller_to($port, %o);

    is($c->{code} // 'no answer', $code, "$what: code $code");
    is_told($what, $counter, $before, $regex, $from);
}


my @CASES = (
    ['a request to receive', 1405, 'refused_play',
     qr/refused with code 1405: listeners use hls/,
     '#!::r=live/x,m=request'],
    ['one by another word', 1405, 'refused_play', qr/1405/, 'read:live/x'],
    ['an unknown application', 1404, 'refused_application',
     qr/1404: no such application/, '#!::r=nothing/x,m=publish'],
    ['a bare name and no default', 1404, 'refused_application', qr/1404/,
     'x'],
    ['nothing and no default', 1404, 'refused_application',
     qr/1404: the stream id is empty/, ''],
    ['nested blocks', 1400, 'refused_name', qr/1400: stream id has nested/,
     '#!:{r=live/x}'],
    ['another syntax', 1400, 'refused_name', qr/1400: stream id has an unkn/,
     '#!R=live/x'],
    ['an unknown mode', 1400, 'refused_name', qr/1400: stream id has an unkn/,
     '#!::r=live/x,m=bidirectional'],
    ['a file', 1400, 'refused_name', qr/1400: stream id has a type/,
     '#!::r=live/x,t=file'],
    ['a name without a value', 1400, 'refused_name', qr/1400: stream id has a/,
     '#!::r=live/x,m'],
    ['control characters', 1400, 'refused_name', qr/1400: stream id is no te/,
     "live/x\r\n[alert] forged"],
    ['a bad name', 1400, 'refused_name', qr/1400: a stream name is/,
     'live/a%20b'],
    ['a name of dots', 1400, 'refused_name', qr/1400: a stream name is/,
     'live/..'],
    ['no name', 1404, 'refused_application', qr/1404/, 'live/'],
);

for my $case (@CASES) {
    my ($what, $code, $counter, $regex, $id) = @$case;
    refused($what, $code, $counter, $regex, OPEN, streamid => $id);
}

refused('no passphrase', UNSECURE, 'handshake_failures',
        qr/failed the handshake: not the passphrase/, LOCKED,
        streamid => 'live/x');

# what may be left out of a handshake, where a passphrase is asked for: the
# flag of encryption, all extensions
for my $case (['less than libsrt says', libsrt => 0x010200],
              ['no extension', kinds => 0, raw => ''],
              ['a promise of a key', encryption => 2])
{
    my ($what, %o) = @$case;
    my $c = caller_to(LOCKED, %o);

    isnt($c->{code} // 'no answer', 0, "$what: no way around the passphrase")
        or diag($c->{code});
}

{
    local $Stentor::SrtCaller::TIMEOUT = 1;
    my $from = length($node->log());

    # what would be an answer to it, libsrt does not send
    for my $port (OPEN, LOCKED) {
        my $c = caller_to($port, version => 4);
        is($c->{code}, undef, "a caller of old to port $port is not let in");
    }

    like(substr($node->log(), $from), qr/refused with code 1400: its libsrt/,
         'a caller of old: the log says why');
}

# --- real callers with another passphrase, or with one where there is none

sub ffmpeg($port, $file, @options) {
    my $url = $node->srt_url($port);
    my $said = `timeout 20 ffmpeg -nostdin -hide_banner -loglevel warning \\
        -re -i $file -c copy @options -f mpegts '$url' 2>&1`;
    return ($? >> 8, $said);
}


for my $case (['another passphrase', LOCKED], ['one where there is none', OPEN])
{
    my ($what, $port) = @$case;
    my $from = length($node->log());
    my $before = ingest()->{handshake_failures};
    my ($rc, $said) = ffmpeg($port, "$dir/good.m4a", '-passphrase', $WRONG,
                             '-srt_streamid', 'live/wrong');

    isnt($rc, 0, "$what: ffmpeg goes");
    isnt($rc, 124, "$what: by itself") or diag($said);
    is_told($what, 'handshake_failures', $before,
            $port == LOCKED ? qr/failed the handshake: not the passphrase/
                            : qr/failed the handshake: he encrypts/, $from);
}

# --- let in, and of no use

sub ts($name, @how) {
    my $path = "$dir/$name.ts";

    system(qw(ffmpeg -nostdin -loglevel error -y -t 20), @how, '-f', 'mpegts',
           $path) == 0 or die "ffmpeg makes no $path: $?\n";
    return Stentor::Node::slurp($path);
}


sub pieces($bytes) {
    my $at = 0;

    return sub {
        $at = 0 if $at + Stentor::SrtCaller::PAYLOAD > length($bytes);
        my $piece = substr($bytes, $at, Stentor::SrtCaller::PAYLOAD);
        $at += length($piece);
        return $piece;
    };
}


sub random_bytes($n) { return pack('C*', map { int(rand(256)) } 1 .. $n) }


sub useless($what, $counter, $regex, $next, $step = 0.02) {
    my ($before, $from) = (ingest()->{$counter}, length($node->log()));
    my $c = caller_to(OPEN, streamid => 'live/useless');
    my $began = time();

    is($c->{code}, 0, "$what: he is let in");
    ok($c->run($next, $step, 3 * MEDIA_TIMEOUT + $Stentor::Node::PATIENCE),
       "$what: his connection is closed")
        and note(sprintf('%s: after %.1f s', $what, time() - $began));
    is_told($what, $counter, $before, $regex, $from);
    ok(!$node->stream('live/useless'), "$what: there is no stream");
}


my $noise = random_bytes(1 << 18);
my $silent = '-f lavfi -i anullsrc=r=48000:cl=stereo';
my $picture = '-f lavfi -i testsrc=s=160x120:r=25 -c:v mpeg2video';

useless('nothing', 'timeouts', qr/has ended: broadcaster sends no audio/,
        sub { undef }, 0.1);
useless('noise', 'timeouts', qr/has ended: broadcaster sends no audio/,
        pieces($noise));
useless('something else', 'protocol_errors',
        qr/has ended: no MPEG transport stream/, pieces('FLV' x 100_000),
        0.0005);
useless('no audio', 'refused_codec', qr/has ended: no audio track/,
        pieces(ts('video', split(' ', $picture))));
useless('an unknown codec', 'refused_codec',
        qr/has ended: audio that is not carried/,
        pieces(ts('pcm', split(' ', "$silent -c:a s302m -strict -2"))));
useless('one that is not passed through', 'refused_codec',
        qr/has ended: MP3 audio is not passed through/,
        pieces(ts('mp2', split(' ', "$silent -c:a mp2"))));

# those who hang up at once have not failed at a passphrase
my $from = length($node->log());

for my $n (1 .. 20) {
    my $c = caller_to(OPEN, streamid => "live/brief$n");
    $c->shutdown();
}

ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 1 }),
   'those who hang up at once are gone');
unlike(substr($node->log(), $from), qr/passphrase/,
       'and nothing is said of passphrases');

# --- a flood of handshakes

{
    my @callers = map { Stentor::SrtCaller->new(port => $node->port_srt()) }
                  1 .. 120;

    # half of the second round, from each; nobody waits for an answer
    $_->induction() for @callers;
    $_->send($_->request(streamid => "live/flood$_->{id}")) for @callers;

    my $c = caller_to(OPEN, streamid => 'live/between');
    for (1 .. 20) {
        last if defined $c->{code} && $c->{code} == 0;
        $c = caller_to(OPEN, streamid => 'live/between');
    }
    is($c->{code}, 0, 'a flood of handshakes: who comes then is let in');
    $c->shutdown();

    ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 1 },
                          4 * MEDIA_TIMEOUT + $Stentor::Node::PATIENCE,
                          'sessions'), 'and all of it ends');
}

# --- bytes that are no SRT

{
    my $c = Stentor::SrtCaller->new(port => $node->port_srt());
    $c->induction();

    my $request = $c->request(streamid => 'live/broken');
    my $head = substr($request, 0, 64);

    for my $n (1 .. 10_000) {
        my $bytes = substr($noise, int(rand(1 << 17)), int(rand(1472)));
        my $kind = $n % 5;

        # from noise to what is nearly right
        $bytes = pack('n n', 0x8000 | $n % 9, 0) . $bytes if $kind == 1;
        $bytes = substr($request, 0, $n % length($request)) if $kind == 2;
        $bytes = $head . $bytes if $kind == 3;
        $bytes = $head . pack('n n', $n % 12, $n % 700) . $bytes
            if $kind == 4;

        $c->send($bytes);
        $c->pump() if $n % 50 == 0;
    }

    my $after = caller_to(OPEN, streamid => 'live/after');
    is($after->{code}, 0, 'after 10,000 packets of noise one is let in');
    $after->shutdown();
}

# what of it was a handshake, came in and said no more
ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 1 },
                      4 * MEDIA_TIMEOUT + $Stentor::Node::PATIENCE,
                      'sessions'), 'only the good one is left');

# --- and he

Stentor::Tone::is_heard($node, 'good', HZ, 'the good one', 3);

my $st = $node->stream('live/good');
is("@{ $st->{repairs} }{qw(gaps_filled resyncs stale_dropped broken)}",
   '0 0 0 0', 'nothing was repaired');
is($st->{state}, 'live', 'he is live');
is($st->{session}{srt}{dropped}, 0, 'and nothing of his was dropped');
my $report = $witness->join();
conforms('his listener: one unbroken programme', @{ $report->{violations} });
cmp_ok(scalar(@{ $report->{parts} }), '>', 40, 'over all that time');

ok($good->stop(), 'he leaves in order');

# --- words

unlike($node->log() . $node->stderr(), qr/\Q$SECRET\E|\Q$WRONG\E/,
       'no passphrase is in the log');
unlike($node->log(), qr/^\[alert\] forged/m, 'no line was forged');
$node->done('TERM');

my $port = Stentor::Node::free_port('udp');
Stentor::Node::spew("$dir/short", "ninechars\nmore of it that is long enough");
Stentor::Node::spew("$dir/empty", '');

for my $case (['a short passphrase', 'passphrase=ninechars', 'passphrase'],
              ['a long one', 'passphrase=' . 'ninechars' x 9, 'passphrase'],
              ['a short one in a file', "passphrase_file=$dir/short",
               'passphrase_file'],
              ['none in a file', "passphrase_file=$dir/empty",
               'passphrase_file'],
              ['no such file', "passphrase_file=$dir/none", 'open\(\)'],
              ['a key of no length', 'passphrase=ninecharsmore pbkeylen=20',
               'pbkeylen'],
              ['one misspelled', 'passfrase=ninecharsmore', 'passfrase'],
              ['no such application', 'application=nothing',
               'unknown application'],
              ['no such application of a stream', 'stream=nothing/x',
               'unknown application'],
              ['a latency too long', 'latency=11s', 'latency'],
              ['no time', 'media_timeout=soon', 'media_timeout'])
{
    my ($what, $param, $named) = @$case;
    my ($rc, $said) = Stentor::Node->check(
        stentor => "srt 127.0.0.1:$port $param;");

    isnt($rc, 0, "$what: an error of the configuration");
    like($said, qr/\[emerg\].*$named/, "$what: it says what");
    unlike($said, qr/ninechars/, "$what: it does not say the passphrase");
}

done_testing();
