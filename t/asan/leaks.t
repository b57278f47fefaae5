#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Run by "make asan" only: what a worker has not given back when it exits.
# nginx itself leaves some things to the system, so a node with nothing to do
# is the measure for one that had broadcasters and listeners.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Webhook;


need('ffmpeg');

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';

# The most allocations that any process of a node has left behind.

sub left($node) {
    $node->stop('QUIT');
    my $said = $node->stderr() . $node->log();
    my @counts = $said =~ /byte\(s\) leaked in (\d+) allocation/g;

    return (sort { $b <=> $a } @counts)[0] // 0;
}

my $idle = left(Stentor::Node->new(srt => ['']));

# one that takes events, after some failures, and one that is not there
my $hook = Stentor::Webhook->start(answers => {
    '/' => [500, 400, { drop => 1 }, 200],
});
my $nobody = Stentor::Node::free_port();

my $node = Stentor::Node->new(linger => '500ms', srt => [''],
    application => 'on_event ' . $hook->url('/') . ';',
    stentor => 'application lost { part_duration 200ms; window 8s; '
               . "on_event http://127.0.0.1:$nobody/; }");
my @b = map { broadcaster($node, name => "s$_") } 1 .. 3;

for my $n (1 .. 3) {
    for my $l (listener($node, path => "/live/s$n"),
               listener($node, path => "/live/s$n", delta => 1))
    {
        ok($l->parts(12), "a listener of stream $n");
    }
}

$node->get('/live/s1/audio-std.m3u8', 'Accept-Encoding' => 'gzip');
$node->get('/live/nobody/index.m3u8');

# takeovers, four for the one webhook and two for the other
my ($taken, @sessions) = (0);

for my $name ((map { "live/taken$_" } 1 .. 4), map { "lost/taken$_" } 1, 2) {
    my ($app, $key) = split('/', $name);
    my $before = $taken++;

    for my $n ($before, $taken) {
        my $s = Stentor::RTMP->open(port => $node->port_rtmp(), app => $app,
                                    name => $key, asc => "\x11\x90");
        $s->frames(Stentor::Media::fixture()->{frames}, 0, 2);
        $node->wait_stream($name, sub ($st) { defined $st });
        $node->wait_status(sub ($s) { $s->{ingest}{takeovers} == $n });
        push(@sessions, $s);
    }
}

ok($node->wait_status(sub ($s) {
    return $s->{events}{sent} >= 3 && $s->{events}{failed}
           && $s->{events}{retries} >= 3;
}), 'events are sent, given up, and wait');

# SRT: two who send something and leave, in order and without a word, one whose
# audio is not carried, one who is refused

my $ts = Stentor::Node::slurp("$FindBin::Bin/../data/ts/adts.ts");
my $mp3 = Stentor::Node::slurp("$FindBin::Bin/../data/ts/mp3.ts");

sub srt_sends($name, $bytes) {
    my $c = Stentor::SrtCaller->connect(port => $node->port_srt(),
                                        streamid => $name);
    my $size = Stentor::SrtCaller::PAYLOAD;

    for (my $at = 0; $at < length($bytes); $at += $size) {
        $c->data(substr($bytes, $at, $size));
        $c->pump(0.002);
    }

    return $c;
}

srt_sends('live/srt1', $ts)->shutdown();
srt_sends('live/srt2', $ts);
srt_sends('live/srt3', $mp3);
eval { srt_sends('nowhere/srt4', $ts) };

ok($node->wait_status(sub ($s) {
    return $s->{ingest}{refused_codec} && $s->{ingest}{refused_application};
}), 'sessions over SRT');

$b[0]->kill_it();
$_->stop() for @b[1, 2];

cmp_ok($idle, '>', 0, 'the measure works: an idle node leaves something');
cmp_ok(left($node), '<=', $idle, 'a busy node leaves no more');

done_testing();
