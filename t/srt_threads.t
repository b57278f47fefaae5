#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What the event loop and the threads of SRT share they do not change at once:
# ThreadSanitizer watches sessions that come and go in all ways, each of which
# is a race that may be lost once in many thousand times.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;
use Stentor::Tsan;


need('ffmpeg');
Stentor::Tsan::need();

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $file = Stentor::Tone::file("$dir/tone.m4a", 660, 120);
my $node = Stentor::Tsan->new(window => '10s', linger => '20s',
                              srt => ['media_timeout=1s']);


sub encoder() {
    return Stentor::Encoder->start(file => $file, url => $node->srt_url(),
        format => 'mpegts', log => "$dir/encoder.log",
        options => ['-srt_streamid', '#!::r=live/good,m=publish']);
}


sub is_live($what, $not = 0) {
    my $st;

    ok($node->wait_stream('live/good', sub ($now) {
        $st = $now;
        return $st && $st->{state} eq 'live' && $st->{session}
               && $st->{session}{id} != $not;
    }, 2 * $Stentor::Node::PATIENCE, $what), $what);

    return $st ? $st->{session}{id} : 0;
}


sub caller_to($name) {
    return Stentor::SrtCaller->connect(port => $node->port_srt(),
                                       streamid => "live/$name");
}


sub wait_sessions($n, $what) {
    ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == $n },
                          2 * $Stentor::Node::PATIENCE, 'sessions'), $what);
}


# --- one who stays, and is taken over

my $first = encoder();
my $id = is_live('a broadcaster is on the air');
my $second = encoder();
is_live('another takes over', $id);
$first->stop();

# --- those who hang up at once, say nothing, or what is of no use

for my $n (1 .. 20) {
    caller_to("brief$n")->shutdown();
}

wait_sessions(1, 'those who hang up at once are gone');

my @silent = map { caller_to("silent$_") } 1 .. 8;
is(scalar(grep { ($_->{code} // -1) == 0 } @silent), 8, 'eight say nothing');
wait_sessions(1, 'they are gone, too');

my $useless = caller_to('useless');
ok($useless->run(sub { 'FLV' x 400 }, 0.001), 'one sends something else');
wait_sessions(1, 'and is gone');

# --- workers end, with a session and without

$second->stop();
wait_sessions(0, 'the last one leaves');

my $third = encoder();
is_live('a third one comes');
$node->reload();
wait_sessions(0, 'a reload ends his session');
$third->stop();

$node->stop('TERM');

Stentor::Tsan::quiet($node);
$node->done('TERM');

done_testing();
