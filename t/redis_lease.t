#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Leases: what the scripts decide, in a real Redis, and what nodes make of it:
# who has a stream, who stands by for it, and who is let have it again.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Redis;

use JSON::PP ();
use List::Util qw(min);
use Time::HiRes qw(time);


need('redis-server');

my $redis = Stentor::Redis->new();
my $monitor = $redis->monitor();
my %script;


sub cluster($id, %o) {
    my $more = $o{more} // '';

    return (stentor => "cluster { node $id; role origin; lease 1500ms;"
                       . " relay http://127.0.0.1:1/$id/;"
                       . ' redis ' . $redis->address() . "; $more }",
            linger => '3s', %o);
}


# The value under the lease's key, as the words that it has.

sub lease($name) {
    my $text = $redis->ask('GET', "stentor:lease:live/$name") // return;
    my @words = split(/ /, $text);
    return { epoch => $words[0], fed => $words[1], node => $words[2] };
}


sub wait_lease($name, $test) {
    return $redis->wait_until(sub {
        my $l = lease($name) // {};
        return $test->($l) ? $l : 0;
    });
}


sub in_log($node, $pattern) {
    return $node->wait_until(sub { $node->log() =~ $pattern });
}


sub cluster_status($node) { return $node->status()->{cluster} }


# The pid of a leader that is not the former one.

sub another_leader($node, $former) {
    return $node->wait_until(sub {
        my $c = eval { cluster_status($node) } // return 0;
        return 0 if $c->{redis}{state} ne 'up';
        return $c->{leader_pid} != $former && $c->{leader_pid};
    });
}


# Waits until Redis has heard twice that the lease is kept.

sub kept($node, $name) {
    for (1, 2) {
        my $was;

        $redis->wait_until(sub {
            my $is = $redis->ask('PTTL', "stentor:lease:live/$name");
            my $longer = defined $was && $is > $was;
            $was = $is;
            return $longer;
        });
    }
}


# --- what a node loads, called as a node does

# on_air() of a broadcaster: both are called at once
my ($node_a, $studio) = on_air(cluster('a'), broadcaster => { name => 'one' });

for my $what (['beat', qr/HGETALL/], ['lease', qr/verbs\.take/]) {
    my $load = $monitor->wait_seen(sub (@words) {
        return uc($words[0]) eq 'SCRIPT' && $words[2] =~ $what->[1];
    });
    ok($load, "the script $what->[0] is loaded") or BAIL_OUT('no script');
    $script{ $what->[0] } = $load->[2];
}


# verbs(node, [name, verb, fed, epoch], ...): verdicts.

sub verbs($node, @names) {
    my @keys = map { ("t:lease:$_->[0]", "t:epoch:$_->[0]") } @names;

    return $redis->ask('EVAL', $script{lease}, scalar(@keys), @keys, 60000,
                       $node, "http://$node/", 't:events',
                       map { @$_ } @names);
}


sub verb($node, @name) { return verbs($node, \@name)->[0] }


sub value($key) { return $redis->ask('GET', "t:$key") }


is(verb('a', 'x', 'take', 1, 0), 'held 1', 'a lease that nobody has is taken');
is(value('lease:x'), '1 1 a http://a/', 'and is kept in words');
cmp_ok($redis->ask('PTTL', 't:lease:x'), '>', 59000, 'for its time');
cmp_ok($redis->ask('PTTL', 't:epoch:x'), '>', 86_000_000, 'its epoch longer');

is(verb('b', 'x', 'take', 1, 0), 'other 1 1 a http://a/', 'one at a time');
is(verb('b', 'x', 'keep', 1, 0), 'other 1 1 a http://a/', 'nor by keeping');
is(verb('b', 'x', 'quit', 1, 1), 'quit', 'nobody quits for another');
is(value('lease:x'), '1 1 a http://a/', 'it is as it was');

is(verb('a', 'x', 'take', 1, 0), 'held 2', 'a node started again has its own');
is(verb('a', 'x', 'quit', 1, 1), 'quit', 'an older epoch quits nothing');
is(verb('a', 'x', 'keep', 1, 1), 'held 2', 'a take whose reply was lost');
is(verb('a', 'x', 'keep', 0, 2), 'held 2', 'kept, and not fed');
is(verb('b', 'x', 'take', 0, 0), 'other 2 0 a http://a/', 'none is fed');
is(verb('b', 'x', 'take', 1, 0), 'held 3', 'who is fed comes before');
is(verb('a', 'x', 'keep', 1, 2), 'other 3 1 b http://b/', 'a stale owner');
is(verb('a', 'x', 'quit', 1, 2), 'quit', 'who goes');
is(value('lease:x'), '3 1 b http://b/', 'erases nothing');

is(verb('b', 'x', 'quit', 1, 3), 'quit', 'the owner quits');
is(value('lease:x'), undef, 'nobody has it');
is(verb('a', 'x', 'keep', 1, 2), 'other 3', 'what was taken since is not kept');
is(verb('a', 'x', 'take', 1, 41), 'held 42', 'above all that was heard of');

$redis->ask('DEL', 't:lease:x', 't:epoch:x');
is(verb('a', 'x', 'keep', 1, 42), 'held 42', 'forgotten, and kept');
is(value('epoch:x'), 42, 'with its epoch');
$redis->ask('SET', 't:lease:x', '7 1 b http://b/');
$redis->ask('SET', 't:epoch:x', 7);
is(verb('a', 'x', 'keep', 1, 42), 'held 42', 'an older lease gives way');
is(verb('b', 'x', 'keep', 1, 42), 'other 42 1 a http://a/',
   'of two by one epoch the first');
is(verb('b', 'x', 'keep', 1, 999999999999999), 'held 999999999999999',
   'epochs are written out');

# several at once, one of them broken

$redis->ask('LPUSH', 't:lease:list', 1);
$redis->ask('SET', 't:lease:text', 'hello');
$redis->ask('SET', 't:epoch:text2', 'hello');

my $said = verbs('a', (map { [$_, 'take', 1, 0] } qw(p list text text2)),
                 ['q', 'keep', 1, 9], ['r', 'quit', 1, 1]);
is($said->[0], 'held 1', 'the first of some');
like($said->[1], qr/^error WRONGTYPE/, 'a key of another type');
like($said->[2], qr/^error .*no lease/, 'a text that is no lease');
like($said->[3], qr/^error .*no epoch/, 'an epoch that is no number');
is($said->[4], 'held 9', 'the others go on');
is($said->[5], 'quit', 'each has its verdict');

# a replica

my $replica = Stentor::Redis->new(replica_of => $redis);
$replica->wait_until(sub { $replica->info('master_link_status') eq 'up' });

for my $what (['beat', 1, 'n', 'x', '{}', 1000, 9],
              ['lease', 2, qw(t:lease:z t:epoch:z 1000 n), '', 'e', 'z',
               'take', 1, 0])
{
    my ($name, @args) = @$what;
    like($replica->ask('EVAL', $script{$name}, @args), qr/^READONLY/,
         "$name: a replica is one for the whole call");
}

$replica->remove();


# --- nodes

sub beat($id, $json, $ttl, $most = 100) {
    return $redis->ask('EVAL', $script{beat}, 1, 't:nodes', $id, $json, $ttl,
                       $most);
}

is("@{ beat('n1', '{1}', 60000) }", ' n1 {1}', 'a node is listed');
$redis->ask('HSET', 't:nodes', 'gone', '1 {}', 'odd', 'hello');
my %live = @{ beat('n2', '{2}', 60000) }[1 .. 4];
is_deeply(\%live, { n1 => '{1}', n2 => '{2}' }, 'the dead and the odd are not');
is_deeply([sort @{ $redis->ask('HKEYS', 't:nodes') }], [qw(n1 n2 odd)],
          'the dead are removed');
is(scalar(@{ beat('n2', '{2}', 60000, 1) }), 3, 'no more than are wanted');
$redis->ask('SET', 't:nodes', 'x');
like(beat('n2', '{2}', 60000)->[0], qr/^WRONGTYPE/, 'a key of another type');

my $json;
ok($redis->wait_until(sub {
    my $text = $redis->ask('HGET', 'stentor:nodes', 'a') =~ s/^\d+ //r;
    $json = JSON::PP::decode_json($text);
    return $json->{streams} == 1;
}), 'a node tells what it has');
is($json->{role}, 'origin', 'a node tells its role');
is($json->{relay}, 'http://127.0.0.1:1/a/', 'and where it is');


# --- a stream's lease from its first broadcaster to the last

my $held = wait_lease('one', sub ($l) { $l->{node} });
is_deeply($held, { epoch => 1, fed => 1, node => 'a' }, 'a has the lease');

my @left;

for (1 .. 6) {
    my $was = $redis->ask('PTTL', 'stentor:lease:live/one');
    $redis->wait_until(sub {
        my $is = $redis->ask('PTTL', 'stentor:lease:live/one');
        push(@left, $is);
        return $is > $was || $is < 0;
    });
}

my $least = min(@left);
cmp_ok($least, '>', 500, 'it is kept before it is over');
is(lease('one')->{epoch}, 1, 'by the same epoch');

# a reload, and a leader that is killed: another worker leads

my $leader = cluster_status($node_a)->{leader_pid};
$node_a->reload();
my $next_leader = another_leader($node_a, $leader);
ok($next_leader, 'after a reload another worker leads');
kept($node_a, 'one');
is(lease('one')->{epoch}, 1, 'a reload changes no epoch');

$node_a->kill_worker('KILL', $next_leader);
ok(another_leader($node_a, $next_leader), 'when it is killed another leads');
kept($node_a, 'one');
is(lease('one')->{node}, 'a', 'the lease is still here');

# a standby

my $node_b = Stentor::Node->new(cluster('b', workers => 1));
my $studio_b = Stentor::Broadcaster->start(port => $node_b->port_rtmp(),
                                           name => 'one');

if ($studio->gone() || $studio->closed(0.1)) {
    $studio = broadcaster($node_a, name => 'one');
}

ok(wait_lease('one', sub ($l) { ($l->{fed} // 0) == 1 }), 'one is fed');
my $was = lease('one');
my ($first, $second, $first_b, $second_b) = $was->{node} eq 'a'
    ? ($node_a, $node_b, $studio, $studio_b)
    : ($node_b, $node_a, $studio_b, $studio);

ok(in_log($second, qr/stands by/), 'the other stands by');
my $epoch = $was->{epoch};

# it leaves, in order

$first_b->stop();
my $next = wait_lease('one', sub ($l) {
    return $l->{node} && $l->{node} ne $was->{node};
});
ok($next, 'another takes over when its broadcaster has gone');
is($next->{epoch}, $epoch + 1, 'by the next epoch');
ok(in_log($second, qr/lease of stream "live\/one" is ours, epoch \d/),
   'and says so');

# it is frozen, and finds itself without

my $back = Stentor::Broadcaster->start(port => $first->port_rtmp(),
                                       name => 'one');
ok(in_log($first, qr/stands by/), 'the first one stands by now');

my @frozen = ($second->worker_pids(), $second->{pid});
my $t0 = time();
kill('STOP', @frozen);
my $taken = wait_lease('one', sub ($l) {
    return $l->{node} && $l->{node} eq $was->{node};
});
my $took = time() - $t0;
kill('CONT', @frozen);

ok($taken, 'the lease of a frozen owner is taken');
cmp_ok($took, '<', 1.5 + 1, 'soon after it is over');
note(sprintf('takeover %.2f s after the freeze; a lease lasts 1.5 s', $took));
cmp_ok($taken->{epoch}, '>', $next->{epoch}, 'by a new epoch');
ok(in_log($second, qr/is lost to node "$was->{node}"/),
   'it finds out when it thaws');
is(lease('one')->{node}, $was->{node}, 'and takes nothing back');

# the last one goes

$_->stop() for $back, $second_b;
ok(wait_lease('one', sub ($l) { !$l->{node} }), 'in the end nobody has it');


# --- commands grow with time, and with streams in 64ths

my $many = Stentor::Node->new(cluster('many', workers => 1, zone => '400m',
    window => '12s', part_duration => '1s', segment_parts => 2,
    application => join(' ', map { "stream m$_;" } 1 .. 100)));

ok($redis->wait_until(sub {
    return 100 == @{ $redis->ask('KEYS', 'stentor:lease:live/m*') };
}, 40), 'a hundred streams have their leases');

$node_a->done('TERM');
$node_b->done('TERM');

# Commands and seconds while all were renewed six times: what else there is to
# say about them is soon said.

sub renewals() {
    my ($from, $calls, $sets) = (time(), map { $redis->calls($_) }
                                         qw(evalsha set));

    $redis->wait_until(sub { $redis->calls('set') >= $sets + 2 * 100 * 6 });

    return ($redis->calls('evalsha') - $calls, time() - $from);
}


my $few;

for (1 .. 5) {
    my ($calls, $seconds) = renewals();
    note(sprintf('100 streams, renewed each 0.5 s: %d commands in %.1f s',
                 $calls, $seconds));

    # two to keep them all, and one beat a second
    $few = $calls <= 2 * 7 + $seconds / 0.9 + 2;
    last if $few;
}

ok($few, 'which are kept by a few commands');

# who wants what nobody has

my $gets = $redis->calls('mget');
my @asks = map { $many->http() } 1 .. 200;

$asks[$_]->request('GET', "/live/nobody$_/audio.m3u8") for 0 .. $#asks;

ok($redis->wait_until(sub { $redis->calls('mget') > $gets }),
   'what is wanted is asked for');
ok($redis->wait_until(sub {
    return 200 == grep { $_->{stream} =~ /nobody/ && exists $_->{owner} }
                  @{ cluster_status($many)->{leases} };
}), 'each name has its answer');
cmp_ok($redis->calls('mget') - $gets, '<', 40, 'of many names at once');

$many->done('TERM');
$redis->remove();
done_testing();
