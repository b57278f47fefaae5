#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Each process of a node is killed in turn, and again, while streams are on the
# air and are listened to: workers (the one with a stream, the one with none,
# the one that leads), nginx's cache manager, Redis, and the master, whose
# workers go on without it until all begin anew.  Prints how long each takes.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Redis;
use Stentor::Witness;

use File::Temp ();
use List::Util qw(max);
use Time::HiRes qw(time);


need(qw(ffmpeg redis-server));

my $ROUNDS = $ENV{STENTOR_ROUNDS} // 2;
my $SLOW = $ENV{STENTOR_ASAN} ? 4 : 1;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);
my $redis = Stentor::Redis->new();
my $node = Stentor::Node->new(workers => 3, reuseport => 1, window => '12s',
    linger => '30s', application => 'stream conf;',
    stentor => 'cluster { node n1; role origin; lease 3s;'
               . ' relay http://127.0.0.1:1/; redis ' . $redis->address()
               . ' timeout=900ms; }',
    http => "proxy_cache_path $dir/cache keys_zone=cache:1m;");
my @STREAMS = qw(live/conf live/air);
my $b = broadcaster($node, name => 'air', media => $media);
my %took;


# Those that a player goes on with, by connections that may break at any time.

sub listen_to($round) {
    return map {
        my ($name) = m{([^/]+)$};
        Stentor::Player->start(port => $node->port_http(), dir => "$dir",
            name => "$name-$round", playlist => "/$_/audio.m3u8")
    } @STREAMS;
}


# His encoder comes back as soon as it can.

sub on_the_air() {
    $b = eval {
        Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                    name => 'air', media => $media)
    } // $b if $b->gone();
}


# Does that, and waits until all is as it was: new parts of all streams, the
# broadcaster in them, the leases ours.

sub recovers($what, $do) {
    my %was = map { $_ => $node->stream($_)->{renditions}[0]{msn} } @STREAMS;
    my $t0 = time();

    $do->();

    my $ok = $node->wait_until(sub {
        on_the_air();

        my $s = eval { $node->status() } // return 0;
        return 0 if $s->{cluster}{redis}{state} ne 'up'
                    || 2 != grep { $_->{state} eq 'held' }
                            @{ $s->{cluster}{leases} };

        for my $name (@STREAMS) {
            my $st = $node->stream($name, $s) // return 0;
            my $r = $st->{renditions}[0];
            return 0 if $r->{msn} < $was{$name}
                        || $r->{edge_ms} / 1000 < $t0 + 0.2
                        || $st->{state} ne ($name eq 'live/air' ? 'live'
                                                                : 'hold');
        }

        return 1;
    }, 30 * $SLOW);

    push(@{ $took{$what} }, time() - $t0);
    ok($ok, "$what: all goes on") or do {
        diag($node->get('/status')->{body});
        $node->tell_log();
    };
}


sub worker($test) {
    my $s = $node->status();
    my ($leader) = $s->{cluster}{leader_pid};
    my %owner = map { $_->{owner_pid} => 1 } @{ $s->{streams} };

    my ($pid) = grep { $test->($_, $leader, \%owner) } $node->worker_pids();
    return $pid // ($node->worker_pids())[0];
}


sub kill_one($test) {
    $node->kill_worker('KILL', worker($test));
}


# A process of nginx's that is no worker.

sub helper($name) {
    my ($pid) = grep {
        (Stentor::Node::slurp("/proc/$_/stat") // '')
            =~ /^\d+ \(.*\) \S $node->{pid} /
        && (Stentor::Node::slurp("/proc/$_/cmdline") // '') =~ /$name/
    } map { m{(\d+)$} } glob('/proc/[0-9]*');
    return $pid;
}


my @player = listen_to('one');
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => '/live/air/audio.m3u8');
$node->wait_status(sub ($s) {
    return 2 == grep { $_->{parts} > 5 } @{ $s->{streams} };
});

for my $round (1 .. $ROUNDS) {
    recovers('worker of the broadcaster', sub {
        $node->kill_worker('KILL', $node->stream('live/air')->{owner_pid});
    });
    recovers('worker of hold audio', sub {
        $node->kill_worker('KILL', $node->stream('live/conf')->{owner_pid});
    });
    recovers('worker that leads', sub {
        kill_one(sub ($pid, $leader, $owner) { $pid == $leader });
    });
    recovers('worker with none of it', sub {
        kill_one(sub ($pid, $leader, $owner) {
            return $pid != $leader && !$owner->{$pid};
        });
    });
    recovers('all workers', sub {
        my @pids = $node->worker_pids();
        $node->{killed}{$_} = 1 for @pids;
        kill('KILL', @pids);
        $node->wait_until(sub {
            my %old = map { $_ => 1 } @pids;
            return 3 == grep { !$old{$_} } $node->worker_pids();
        });
    });
    recovers('cache manager', sub {
        my $pid = helper('cache manager') // die "no cache manager\n";
        $node->{killed}{$pid} = 1;
        kill('KILL', $pid);
        $node->wait_until(sub { (helper('cache manager') // $pid) != $pid });
    });
    recovers('Redis', sub {
        $redis->kill_it();
        $node->wait_status(sub ($s) {
            return $s->{cluster}{redis}{state} eq 'down';
        });
        $redis->start();
    });
}

for my $p (@player) {
    my $heard = $p->join(0);
    conforms('one unbroken programme through all of it',
             @{ $heard->{violations} });
}

my $seen = $witness->join(5);
conforms('for who looks later, too', @{ $seen->{violations} });

# --- the master: who listens goes on, until all of it begins anew

for my $round (1 .. $ROUNDS) {
    @player = listen_to("master-$round");

    my @pids = $node->worker_pids(1);
    my @all = (@pids, grep { $_ } helper('cache manager'));
    my $from = $node->stream('live/air')->{parts};
    kill('KILL', $node->{pid});
    $node->reap(5);

    ok($node->wait_stream('live/air', sub ($st) {
        return $st && $st->{parts} >= $from + 10;
    }), 'without their master workers go on');
    ok(!$b->gone(), 'so does the broadcaster');
    conforms('and listeners', map { @{ $_->join(0)->{violations} } } @player);

    recovers('master, and all anew', sub {
        kill('KILL', @all);
        $node->wait_until(sub { !grep { kill(0, $_) } @all });
        unlink($node->dir() . '/nginx.pid');
        $node->start();
    });
}

for my $what (sort keys %took) {
    note(sprintf('%-28s %s s', $what,
                 join(' ', map { sprintf('%5.2f', $_) } @{ $took{$what} })));
}

my $l = listener($node, path => '/live/air');
ok($l->parts(5), 'a listener at the end');
conforms('hears a clean programme', @{ $l->{violations} });

$b->stop();
$node->done('TERM');
done_testing();
