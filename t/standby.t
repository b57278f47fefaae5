#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Two origins with a session of the same broadcaster each, and an edge: one of
# them makes the stream, the other stands by, and goes on when the first is
# paused, dead, or has lost its broadcaster.  Who comes back reads what the
# other makes, and nothing that he made meanwhile is ever seen.  A listener of
# the edge hears one programme with one discontinuity a change.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Redis;
use Stentor::Tier;

use Time::HiRes qw(time);


use constant PATIENCE => 3 * $Stentor::Node::PATIENCE;

my $redis = Stentor::Redis->new();
my ($one, $two, $edge) = map { joins(@$_) } ['one', 'origin'],
                         ['two', 'origin'], ['edge', 'edge'];


# A node of the cluster; where it is found is known when its ports are.

sub joins($id, $role) {
    my $node = Stentor::Node->prepare(
        part_duration => '500ms', window => '20s', linger => '60s',
        http_server => 'location /relay/ { stentor_relay; }');

    $node->{stentor} = "cluster { node $id; role $role;"
                       . ' redis ' . $redis->address() . ';'
                       . ' relay ' . relay_url($node) . '; }';
    $node->write_conf();
    $node->start();

    return $node;
}


sub lease($node) {
    return $node->status()->{cluster}{leases}[0];
}


# Waits until node makes the stream, of a broadcaster, and the edge has it from
# there.  Returns the epoch.

sub made_by($node, $what) {
    my $t0 = time();

    my $made = $node->wait_until(sub {
        my $st = $node->stream('live/studio1');
        return $st && !$st->{relay} && $st->{state} eq 'live'
               && lease($node)->{state} eq 'held';
    }, PATIENCE);

    ok($made, "$what: it is made there") or return 0;
    note(sprintf('%s: after %.2f s', $what, time() - $t0));

    my $id = $node->status()->{cluster}{node};
    ok($edge->wait_until(sub {
        $edge->get('/live/studio1/audio.m3u8');
        my $relay = from($edge);
        return $relay && "@{ $relay->{chain} }" eq $id;
    }, PATIENCE), "$what: the edge has it from there");

    return lease($node)->{epoch};
}


# Waits until node reads the stream from another one.

sub read_from($node, $other, $what) {
    my $id = $other->status()->{cluster}{node};

    ok($node->wait_until(sub {
        my $relay = from($node);
        return $relay && "@{ $relay->{chain} }" eq $id
               && lease($node)->{state} =~ /^(?:other|none)$/;
    }, PATIENCE), "$what: it stands by, and reads") or diag($node->log());

    conforms("$what: nothing of its own is left", differs($node, $other));
}



# --- one makes it, two stands by

my %b = (one => broadcaster($one));
is(made_by($one, 'the first'), 1, 'the first epoch');

$b{two} = Stentor::Broadcaster->start(port => $two->port_rtmp());
read_from($two, $one, 'the second');
ok(lease($two)->{fed}, 'who stands by keeps its broadcaster');

my $t0 = time();
is($edge->get('/live/studio1/audio.m3u8')->{status}, 200,
   sprintf('the edge has it, %.3f s', time() - $t0));

my $witness = Stentor::Listener->fork_run(100, port => $edge->port_http(),
                                          path => '/live/studio1', edge => 1);
ok(lease($edge)->{state} eq 'none', 'the edge makes nothing');

# --- the owner is paused: it cannot know what happens meanwhile

my @paused = $one->worker_pids();
kill('STOP', @paused);
is(made_by($two, 'the owner is paused'), 2, 'the next epoch');

kill('CONT', @paused);
read_from($one, $two, 'the owner comes to');
is($one->stream('live/studio1')->{lease_epoch}, 2, 'and knows the epoch');
is($redis->ask('GET', 'stentor:epoch:live/studio1'), 2, 'Redis, too');

# --- the owner dies

$two->kill_it();
is(made_by($one, 'the owner is dead'), 3, 'the epoch after that');

$two->start();
$b{two} = Stentor::Broadcaster->start(port => $two->port_rtmp());
read_from($two, $one, 'it is back');

# --- the owner loses its broadcaster, the other one has him still

$b{one}->stop();
is(made_by($two, 'its broadcaster has left'), 4, 'and the one after that');
read_from($one, $two, 'without a broadcaster');

# --- Redis dies, and comes back with nothing

$redis->kill_it();
ok($two->wait_until(sub {
    $two->status()->{cluster}{redis}{state} eq 'down'
    && lease($two)->{state} eq 'alone'
}, PATIENCE), 'without Redis the owner goes on');
like(lease($one)->{state}, qr/^(?:other|none)$/,
     'and the other one does not take it');

$redis->restart();
ok($two->wait_until(sub { lease($two)->{state} eq 'held' }, PATIENCE),
   'an empty Redis is told of it again') or diag($two->log());
is(lease($two)->{epoch}, 4, 'with the same epoch')
    or diag(map { $_->log() } $two, $one);
is($redis->ask('GET', 'stentor:epoch:live/studio1'), 4, 'which it has');
is($two->stream('live/studio1')->{relay}, undef, 'it has gone on all the time');

# --- what the listener heard

my $report = $witness->join();
conforms('one unbroken programme', @{ $report->{violations} });

my $p = Stentor::Playlist::parse(
    $edge->get('/live/studio1/audio.m3u8')->{text});
my $d = $p->{dseq} // 0;
$d += $_->{disc} ? 1 : 0 for @{ $p->{segments} };
is($d, 3, 'one discontinuity for each change of the owner')
    or diag(map { $_->get('/live/studio1/audio.m3u8')->{text}, $_->log() }
            $edge, $two, $one);

# --- the operator closes it: where it is stood by for first

$b{one} = Stentor::Broadcaster->start(port => $one->port_rtmp());
ok($one->wait_until(sub { lease($one)->{fed} }, PATIENCE), 'one stands by');

my $r = $one->control('close', 'live/studio1');
is($r->{status}, 409, 'who stands by says that another node makes it');
ok($b{one}->closed(), 'and sends its broadcaster away');

is($two->control('close', 'live/studio1')->{status}, 200, 'it is closed');
ok($edge->wait_until(sub {
    $edge->get('/live/studio1/audio.m3u8')->{text} =~ /EXT-X-ENDLIST/
}, PATIENCE), 'the edge ends it');

$_->done('TERM') for $edge, $two, $one;

done_testing();
