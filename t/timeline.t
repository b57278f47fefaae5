#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What an encoder's milliseconds may do: gaps, jumps, restarts at zero and
# jitter repair or resynchronise the live audio, but the clock that listeners
# see is contiguous through all of it.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

use Time::HiRes qw(time sleep);

my $node = Stentor::Node->new(window => '12s', zone => '64m', linger => '30s',
    stream_server => 'stentor_rtmp_media_timeout 30s;');
my $media = Stentor::Media::fixture();
my $STEP = 1024 / 48000;

# Each case gives the timestamp (ms) of frame k, or undef for a frame that is
# lost on the way, and what must or must not have been repaired.
my %CASES = (
    steady => [sub ($k) { int($k * $STEP * 1000) }, {},
               [qw(gaps_filled resyncs stale_dropped)]],
    rounded => [sub ($k) { int($k * $STEP * 1000 + 0.5) }, {},
                [qw(gaps_filled resyncs stale_dropped)]],
    jitter => [sub ($k) { int($k * $STEP * 1000) + $k * 7 % 11 }, {},
               [qw(gaps_filled resyncs stale_dropped)]],
    thousand => [sub ($k) { int($k * 21.34) }, {}, ['resyncs']],
    gap => [sub ($k) { $k % 60 >= 50 && $k % 60 < 55 ? undef
                       : int($k * $STEP * 1000) }, { gaps_filled => 1 }, []],
    jump => [sub ($k) { int($k * $STEP * 1000) + ($k > 80 ? 3600_000 : 0) },
             { resyncs => 1 }, []],
    back => [sub ($k) { 7200_000 + int($k * $STEP * 1000)
                        - ($k > 80 ? 3600_000 : 0) }, { resyncs => 1 }, []],
    restart => [sub ($k) { int(($k % 70) * $STEP * 1000) },
                { resyncs => 1 }, []],
    high => [sub ($k) { 4294967000 + int($k * $STEP * 1000) }, {},
             [qw(resyncs gaps_filled)]],
    extended => [sub ($k) { 16776000 + int($k * $STEP * 1000) }, {},
                 [qw(resyncs gaps_filled)]],
    still => [sub ($k) { 1000 }, {}, []],
);

# All cases at once, from one clock.
my %s = map {
    $_ => Stentor::RTMP->open(port => $node->port_rtmp(), name => $_,
                              asc => $media->{asc})
} sort keys %CASES;

my %listener = map {
    $_ => Stentor::Listener->fork_run(60, port => $node->port_http(),
                                      path => "/live/$_")
} sort keys %CASES;

my $t0 = time();

for my $k (0 .. 280) {
    my $wait = $t0 + $k * $STEP - time();
    sleep($wait) if $wait > 0;

    for my $name (keys %s) {
        my $ts = $CASES{$name}[0]->($k) // next;
        $s{$name}->frame($media->{frames}[$k % @{ $media->{frames} }],
                         $ts % 4294967296)
            or fail("$name: closed at frame $k");
        $s{$name}->pump();
    }
}

my $status = $node->status();

for my $name (sort keys %CASES) {
    my (undef, $must, $not) = @{ $CASES{$name} };
    my $st = $node->stream("live/$name", $status);
    my $report = $listener{$name}->join();

    ok($st->{session}, "$name: never closed");
    is($st->{state}, 'live', "$name: live to the end")
        if !%$must && $name ne 'still';
    conforms("$name: one contiguous clock", @{ $report->{violations} });
    cmp_ok(scalar(@{ $report->{parts} }), '>', 24, "$name: all the time");
    is(scalar(grep { $_->{disc} } @{ $report->{parts} }), 0,
       "$name: no discontinuity");

    cmp_ok($st->{repairs}{$_}, '>', 0, "$name: $_") for sort keys %$must;
    is($st->{repairs}{$_}, 0, "$name: no $_") for @$not;
}

$_->finish() for values %s;
$node->done('TERM');
done_testing();
