#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A worker is stopped for a second, for five and for longer, and goes on: one
# that has a broadcaster's stream, and one that has none.  Who listens at other
# workers to other streams notices nothing, and when it goes on so does its
# stream, with the broadcaster, where it was.  If another node has made the
# stream meanwhile, it writes nothing more.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Kit;
use Stentor::Witness;

use File::Temp ();
use Time::HiRes qw(time);


need(qw(ffmpeg redis-server));

# Half a minute takes longer than a suite has.
my @SECONDS = $ENV{STENTOR_LONG} ? (1, 5, 30) : (1, 5, 12);
my $SLOW = $ENV{STENTOR_ASAN} ? 4 : 1;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);


# A connection to a worker.

sub at($node, $pid) {
    for (1 .. 200) {
        my $c = $node->http();
        $c->request('GET', '/status');
        return $c if $c->response()->{headers}{'x-worker'} == $pid;
    }

    die "worker $pid does not answer\n";
}


# A stream as that worker sees it.

sub stream($c, $name) {
    $c->request('GET', '/status');
    my $s = JSON::PP::decode_json($c->response()->{body});
    return (grep { $_->{name} eq "live/$name" } @{ $s->{streams} })[0];
}


# Broadcasters at two workers: (name, owner) of two streams; the others go.

sub two_owners($node) {
    my (%b, %first);

    for my $n (1 .. 40) {
        my $name = "s$n";
        $b{$name} = broadcaster($node, name => $name, media => $media);
        $first{ $node->stream("live/$name")->{owner_pid} } //= $name;
        last if keys %first == 2;
    }

    my @names = sort { $a cmp $b } values %first;
    my %keep = map { $_ => 1 } @names;
    delete($b{$_})->stop() for grep { !$keep{$_} } keys %b;

    return (\%b, map { [ $_, $node->stream("live/$_")->{owner_pid} ] }
                 @names);
}


# --- one node

my $node = Stentor::Node->new(workers => 3, reuseport => 1, zone => '64m',
    segment_parts => 10, window => '40s', linger => '1s', grace => '1s');
my ($b, $air, $other) = two_owners($node);
my ($name, $owner) = @$air;
my $fine = at($node, $other->[1]);
my ($idle) = grep { $_ != $owner && $_ != $other->[1] } $node->worker_pids();
my @pids = $node->worker_pids();

# listeners stay at their workers
my %listener = map {
    my ($what, $stream, $pid) = @$_;
    $what => Stentor::Listener->fork_run(300, port => $node->port_http(),
        path => "/live/$stream", conn => at($node, $pid), edge => 1)
} [ 'the other stream, at its worker', $other->[0], $other->[1] ],
  [ 'the other stream, at a worker with none', $other->[0], $idle ],
  [ 'the same, and this worker is stopped', $other->[0], $idle ];
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => "/live/$name/audio.m3u8");


# For so many seconds of the stream that is not stopped.

sub passes($seconds) {
    my $n = stream($fine, $other->[0])->{parts} + $seconds * 5;
    return $node->wait_until(sub {
        return stream($fine, $other->[0])->{parts} >= $n;
    }, $seconds + 20);
}


sub settled($since) {
    return $node->wait_until(sub {
        my $st = stream($fine, $name);
        return $st->{state} eq 'live'
               && $st->{renditions}[0]{edge_ms} / 1000 > $since;
    }, 20);
}

for my $seconds (@SECONDS) {
    my $was = stream($fine, $name);

    kill('STOP', $owner);
    ok(passes($seconds), "its owner stopped for $seconds s: others go on");

    my $is = stream($fine, $name);
    is($is->{epoch}, $was->{epoch}, 'nobody takes the stream up');
    kill('CONT', $owner);

    ok(settled(time()), 'it goes on with its broadcaster');
    is(stream($fine, $name)->{owner_pid}, $owner, 'in its worker');
    ok(!$b->{$name}->closed(0), 'who was never sent away');
    passes(1);
}

kill('STOP', $idle);
my $was = stream($fine, $name);
ok(passes(5), 'one with no stream stopped: others go on');
my $is = stream($fine, $name);
cmp_ok($is->{parts}, '>', $was->{parts} + 15, 'so does the stream');
is($is->{repairs}{hold_frames}, $was->{repairs}{hold_frames},
   'nothing of which is missing');
kill('CONT', $idle);
ok(at($node, $idle), 'and it answers again');

for my $what (sort keys %listener) {
    my $heard = $listener{$what}->join();

    # its reloads may have been waiting for too long
    my @bad = grep { $what !~ /stopped/ || !/^(?:503|no answer)/ }
              @{ $heard->{violations} };
    conforms("$what: unbroken", @bad);
    is($heard->{missed}, 0, 'not a part is missing');
    cmp_ok(scalar(@{ $heard->{parts} }), '>', 5 * 10, 'of many');
}

my $seen = $witness->join(5);
conforms('what was stopped: one clock, and nothing written twice',
         grep { !/^(?:503 for|no answer)/ } @{ $seen->{violations} });
is_deeply([ $node->worker_pids() ], \@pids, 'no worker has died');

$_->stop() for values %$b;
$node->done('TERM');

# --- two nodes: the lease is lost

my $cluster = Stentor::Cluster->new(origins => 2, edges => 0, workers => 2,
    linger => '30s', grace => '1s', part_duration => '200ms',
    node => { origin => { segment_parts => 10, window => '40s' } });
my ($one, $two) = $cluster->nodes();
my $b1 = broadcaster($one, name => 'both', media => $media);
my $b2 = Stentor::Broadcaster->start(port => $two->port_rtmp(),
                                     name => 'both', media => $media);
ok($two->wait_stream('live/both', sub ($st) {
    return $st && $st->{relay} && $st->{parts} > 5;
}), 'another node stands by');

sub epoch($n) {
    my ($l) = grep { $_->{stream} eq 'live/both' }
              @{ $n->status()->{cluster}{leases} };
    return $l->{epoch};
}

$was = $one->stream('live/both');
my ($well) = grep { $_ != $was->{owner_pid} } $one->worker_pids();
my $epoch = epoch($two);
$fine = at($one, $well);
kill('STOP', $was->{owner_pid});
ok($two->wait_stream('live/both', sub ($st) {
    return $st && !$st->{relay} && $st->{state} eq 'live'
           && $st->{session};
}, 15 * $SLOW, 'taken'), 'the other node goes on when it is stopped');
my $from = $two->stream('live/both')->{parts};
$two->wait_stream('live/both', sub ($st) { $st->{parts} > $from + 10 });
kill('CONT', $was->{owner_pid});

ok($one->wait_until(sub {
    my $st = stream($fine, 'both');
    return $st->{relay} && $st->{relay}{chain}
           && @{ $st->{relay}{chain} }
           && $st->{renditions}[0]{msn} >= $was->{renditions}[0]{msn};
}, 20 * $SLOW), 'when it goes on, its node has the stream from there');
cmp_ok(epoch($two), '>', $epoch, 'by a new epoch');
$from = $two->stream('live/both')->{parts};
$two->wait_stream('live/both', sub ($st) { $st->{parts} > $from + 15 });

# whatever both of them list has the same bytes

my %of;

for my $n ($one, $two) {
    my $p = playlist($n, 'both');
    for my $s (@{ $p->{segments} }) {
        my $r = $n->get("/live/both/$s->{uri}");
        $of{ $s->{uri} }{ $r->{body} } = 1 if $r->{status} == 200;
    }
}

cmp_ok(scalar(keys %of), '>', 3, 'segments');
is(scalar(grep { keys %$_ > 1 } values %of), 0,
   'and none of them was written by both');

$_->kill_it() for $b1, $b2;
$cluster->done();
done_testing();
