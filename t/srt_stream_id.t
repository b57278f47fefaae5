#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Stream ids of SRT callers, in every form that some server has made its users
# used to: each arrives at the stream that is meant, as raw bytes and from real
# callers; and what a port's "stream" and "application" stand in for.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;


need('ffmpeg');

use constant { PLAIN => 0, STREAM => 1, APPLICATION => 2 };

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $file = Stentor::Tone::file("$dir/tone.m4a", 660, 60);

system(qw(ffmpeg -nostdin -loglevel error -y -i), $file,
       qw(-t 30 -c copy -f mpegts), "$dir/tone.ts") == 0
    or die "ffmpeg makes no tone.ts: $?\n";
my $ts = Stentor::Node::slurp("$dir/tone.ts");

my $node = Stentor::Node->new(linger => '1s', zone => '256m',
    srt => ['', 'stream=live/default', 'application=live'],
    stentor => 'application other { part_duration 200ms; window 8s; }');


sub is_live($stream) {
    my $st = $node->stream($stream);
    return $st && $st->{state} eq 'live' && $st->{session};
}


# Somebody who sends with that id is heard as that stream.

sub arrives($id, $stream, $port = PLAIN) {
    my $c = Stentor::SrtCaller->connect(port => $node->port_srt($port),
                                        streamid => $id);
    my $what = $id eq '' ? '(nothing)' : $id;
    my ($at, $heard) = (0, undef);

    is($c->{code} // 'no answer', 0, "$what: comes in") or return;

    $c->run(sub {
        return undef if $at >= length($ts);
        return undef if ($heard = is_live($stream)) && ($c->{closed} = 1);

        my $piece = substr($ts, $at, Stentor::SrtCaller::PAYLOAD);
        $at += length($piece);
        return $piece;
    }, 0.01);

    ok($heard, "$what: is $stream") or diag(
        map({ "$_->{name}\n" } @{ $node->status()->{streams} }), $node->log());
    $c->shutdown();
    $node->wait_stream($stream, sub ($st) { !$st || !$st->{session} });
}


# --- of a form each

my $n = 0;

for my $form (
    # the Guidelines'
    '#!::r=live/%s,m=publish',
    '#!::m=publish,r=live/%s',
    '#!::r=live/%s',
    '#!::r=/live/%s/,m=publish,t=stream',
    '#!::h=radio.example,r=live/%s,m=publish,u=joe,s=secret',
    '#!::r=live/%s,m=publish,token=abc,exp=1,sig=2,unknown=x',
    '#!::r=live/%s?key=abc,m=publish',
    '#!::r=live%%2F%s,m=publish',

    # encoded as a whole, as it was pasted
    '%%23!::r=live/%s,m=publish',
    '%%23%%21%%3A%%3Ar%%3Dlive%%2F%s%%2Cm%%3Dpublish',

    # a verb
    'publish:live/%s',
    'publish:live/%s:joe:secret',
    'publish:live/%s:joe:secret:key=abc',
    'publish:live/%s?key=abc',
    'publish:live/%s#feedbackplay',

    # a path
    'live/%s',
    '/live/%s',
    'live/%s?key=abc&token=abc',
    'live/%s%%3Fkey%%3Dabc',
    'radio.example/live/%s',
    'radio.example/live/%s?key=abc',

    # pairs behind it
    'live/%s,mode:publish,token:abc',
)
{
    my $name = 'form' . ++$n;
    arrives(sprintf($form, $name), "live/$name");
}

arrives('other/name', 'other/name');
arrives('#!::r=other/name2,m=publish', 'other/name2');

# --- what a port stands in for

arrives('', 'live/default', STREAM);
arrives('#!::m=publish', 'live/default', STREAM);
arrives('live/named', 'live/named', STREAM);
arrives('bare', 'live/bare', APPLICATION);
arrives('#!::r=bare2,m=publish', 'live/bare2', APPLICATION);
arrives('publish:bare3', 'live/bare3', APPLICATION);
arrives('bare.stream,mode:publish,token:abc', 'live/bare.stream',
        APPLICATION);
arrives('bare4?key=abc', 'live/bare4', APPLICATION);
arrives('other/full', 'other/full', APPLICATION);

for my $case (['nothing', ''], ['a bare name', 'bare'],
              ['an unknown application', 'nothing/bare'])
{
    my ($what, $id) = @$case;
    my $c = Stentor::SrtCaller->connect(port => $node->port_srt(),
                                        streamid => $id);
    is($c->{code}, 1404, "$what means nothing on a port by itself");
}

for my $id ('', 'nothing/bare') {
    my $c = Stentor::SrtCaller->connect(port => $node->port_srt(APPLICATION),
                                        streamid => $id);
    is($c->{code}, 1404, "'$id' means nothing with an application");
}

# --- real callers: what they make of it

sub is_real($what, $stream, $caller = undef) {
    ok($node->wait_until(sub { is_live($stream) }), "$what: is $stream")
        or diag(Stentor::Node::slurp("$dir/log"), $node->log());
    $caller->kill_it() if $caller;
}


sub ffmpeg($query, @options) {
    return Stentor::Encoder->start(file => $file, format => 'mpegts',
        url => $node->srt_url() . $query, log => "$dir/log",
        options => \@options);
}


is_real('ffmpeg, an option', 'live/ff1',
        ffmpeg('', '-srt_streamid', '#!::r=live/ff1,m=publish'));
is_real('ffmpeg, a path in its URL', 'live/ff2',
        ffmpeg('?streamid=live/ff2'));
is_real('ffmpeg, encoded in its URL', 'live/ff3',
        ffmpeg('?streamid=%23!::r=live/ff3,m=publish'));
is_real('ffmpeg, a verb in its URL', 'live/ff4',
        ffmpeg('?streamid=publish:live/ff4'));

SKIP: {
    skip('needs srt-live-transmit', 2)
        if !Stentor::Node::has(Stentor::Node::which('srt-live-transmit'),
                               'srt-live-transmit');

    for my $case (['a path', 'live/slt1', 'live/slt1'],
                  ['encoded', '%23!::r=live/slt2,m=publish', 'live/slt2'])
    {
        my ($what, $id, $stream) = @$case;
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            POSIX::setpgid(0, 0);
            open(STDOUT, '>', "$dir/log");
            open(STDERR, '>&', \*STDOUT);
            exec('sh', '-c', 'ffmpeg -nostdin -loglevel error -re -i "$1" '
                 . '-c copy -f mpegts - | exec srt-live-transmit -q file://con '
                 . '"$2"', 'sh', $file,
                 $node->srt_url() . "?streamid=$id") or POSIX::_exit(127);
        }

        is_real("srt-live-transmit, $what", $stream);
        kill('KILL', -$pid);
        waitpid($pid, 0);
    }
}

$node->done('TERM');
done_testing();
