#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Workers of both sides of a relay are killed and replaced, and upstreams die,
# stand still and come back: who listens hears one unbroken programme.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Tier;
use Stentor::Witness;

use File::Temp ();
use List::Util qw(max);
use Time::HiRes qw(time sleep);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);


# Who is listening at a node, and who looks later whether it was all the same.

sub audience($node) {
    my %o = (port => $node->port_http(), dir => "$dir",
             playlist => '/live/studio1/audio.m3u8');
    my $n = $node->port_http();

    return [ Stentor::Player->start(%o, name => "player-$n"),
             Stentor::Witness->start(%o, name => "witness-$n") ];
}


sub heard_well($audience, $what) {
    my ($heard, $seen) = map { $_->join(12) } @$audience;

    conforms("$what: one unbroken programme", @{ $heard->{violations} });
    conforms("$what: for who looks later, too", @{ $seen->{violations} });
    cmp_ok(scalar(@{ $heard->{parts} }), '>', 10, "$what: of some length");

    my ($late) = max(map { $_->{arrived} - $_->{end} }
                     grep { !$_->{first} } @{ $heard->{parts} });
    note(sprintf('%s: a part was at most %.2f s late', $what, $late));

    return $heard;
}


# Waits till the stream's window on a node ends behind t, and returns when.

sub goes_on($node, $t, $what) {
    my $s = $node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{renditions}[0]{edge_ms} / 1000 > $t;
    }, 10, $what);

    return $s ? time() - $t : 99;
}


# --- workers

my $origin = origin(reuseport => 1, linger => '5s');
my $b = broadcaster($origin, media => $media);
my $edge = pulls_from([$origin], reuseport => 1);
my $audience = audience($edge);

$edge->wait_stream('live/studio1', sub ($st) { $st });

for my $n (1 .. 2) {
    my $was = $edge->stream('live/studio1')->{owner_pid};
    my $t = time();
    $edge->kill_worker('KILL', $was);

    my $s = $edge->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{owner_pid} && $st->{owner_pid} != $was
               && $st->{renditions}[0]{edge_ms} / 1000 > $t;
    }, 10, 'another worker pulls');
    cmp_ok(time() - $t, '<', 2, sprintf('%d: the worker that pulls is killed: '
           . 'another goes on after %.2f s', $n, time() - $t));
    is($edge->status()->{relay}{pulls}, 1, "$n: in one worker");
}

for my $pid ($origin->worker_pids()) {
    my $t = time();
    $origin->kill_worker('KILL', $pid);
    my $took = goes_on($edge, $t, 'the origin goes on');
    cmp_ok($took, '<', 2, sprintf('a worker of the origin is killed: the edge '
           . 'goes on after %.2f s', $took));
}

ok($b->closed(5), 'the broadcaster has lost his connection');
$b = broadcaster($origin, media => $media);

for my $who ([edge => $edge], [origin => $origin]) {
    my ($name, $node) = @$who;
    $node->reload();
    my $took = goes_on($edge, time(), "reload of the $name");
    cmp_ok($took, '<', 1, sprintf('reload of the %s: the edge goes on after '
           . '%.2f s', $name, $took));
}

ok($edge->wait_status(sub ($s) { $s->{relay}{pulls} == 1 }), 'one pull');
is(from($edge)->{switches}, 0, 'from the same upstream all the while');
conforms('the edge has what the origin has', differs($edge, $origin));

$b->stop();
my $heard = heard_well($audience, 'workers');
ok(defined $heard->{ended}, 'workers: to its end');
$_->done('TERM') for $edge;

# --- upstreams

$b = broadcaster($origin, media => $media);
my @shield = map {
    pulls_from([$origin], id => "shield-$_", role => 'shield')
} 1, 2;
$edge = pulls_from(\@shield);
$audience = audience($edge);


sub upstream_is($shield, $seconds, $what) {
    my $t = time();
    my $s = $edge->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{relay}{upstream} eq relay_url($shield);
    }, $seconds, $what);

    return $s ? time() - $t : 99;
}


upstream_is($shield[0], 5, 'the first one');
is_deeply(from($edge)->{chain}, ['origin-1', 'shield-1'], 'two hops');

my $t = time();
kill('STOP', -$shield[0]{pid});
my $took = upstream_is($shield[1], 5, 'the second one');
cmp_ok($took, '<', 2, sprintf('one that stands still is left after %.2f s',
                              $took));
$took = goes_on($edge, $t, 'the stream');
cmp_ok($took, '<', 2.5, 'and the stream goes on');
is_deeply(from($edge)->{chain}, ['origin-1', 'shield-2'], 'by other hands');

kill('CONT', -$shield[0]{pid});
$took = upstream_is($shield[0], 30, 'the first one again');
cmp_ok($took, '<', 30, sprintf('when it is back it is preferred, after %.1f s',
                               $took));

my ($pid) = $shield[0]{pid};
$shield[0]{killed}{$_} = 1 for $shield[0]->worker_pids();
kill('KILL', -$pid);
$shield[0]->reap(5);
$took = upstream_is($shield[1], 5, 'the second one again');
cmp_ok($took, '<', 1, sprintf('one that dies is left after %.2f s', $took));
is(from($edge)->{switches}, 3, 'three switches');
conforms('the edge has what the origin has', differs($edge, $origin));

$b->stop();
heard_well($audience, 'upstreams');

$_->done('TERM') for $edge, $shield[1], $origin;
done_testing();
