#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A storm of reloads, one in six tenths of a second, while broadcasters stay,
# come and go, and listeners listen: no stream is lost and nothing of what is
# heard.  When it is over so are the old workers, and master, workers and zone
# have what they had: memory, descriptors, mappings, threads.
#
# STENTOR_RELOADS=100 makes it a minute of it.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Replay;
use Stentor::Webhook;
use Stentor::Witness;

use File::Temp ();
use List::Util qw(max sum0);
use Time::HiRes qw(time sleep);


need('ffmpeg');

my $RELOADS = $ENV{STENTOR_RELOADS} // 30;
my $EVERY = 0.6;
my $WARM = 3;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $hook = Stentor::Webhook->start();
my $node = Stentor::Node->new(workers => 2, reuseport => 1, window => '12s',
    zone => '64m', linger => '1s', srt => [''], connections => 512,
    application => "stream conf; replay $dir; on_event " . $hook->url('/')
                   . ';',
    stentor => 'application ladder { rendition a bitrate=64k;'
               . ' part_duration 200ms; segment_parts 6; window 12s;'
               . ' stream one; }',
    http_server => 'location /ladder/ { stentor_hls; }');
my @STREAMS = qw(live/conf live/air ladder/one);


# What a process has: {fds, sockets and all, by kind; maps; threads; kb}.

sub has($pid) {
    my %h = (fds => 0, maps => 0, shared => 0);

    for my $fd (glob("/proc/$pid/fd/*")) {
        my $to = readlink($fd) // next;
        $h{fds}++;
        $h{ $to =~ /eventfd/ ? 'eventfds' : $to =~ /^socket/ ? 'sockets'
            : 'files' }++;
    }

    my $maps = Stentor::Node::slurp("/proc/$pid/maps") // '';
    $h{shared} = () = $maps =~ m{/dev/zero}g;

    my $status = Stentor::Node::slurp("/proc/$pid/status") // '';
    ($h{threads}) = $status =~ /^Threads:\s+(\d+)/m;
    ($h{kb}) = $status =~ /^RssAnon:\s+(\d+)/m;

    return \%h;
}


sub all_has() {
    my @w = map { has($_) } $node->worker_pids();
    my %most = map {
        my $k = $_;
        ($k => max(map { $_->{$k} // 0 } @w))
    } qw(fds eventfds shared threads kb);

    return (has($node->{pid}), \%most,
            $node->status()->{store}{free_bytes});
}


# How many semaphores and pieces of shared memory there are of System V's and
# of POSIX's.

sub ipc() {
    my $n = 0;

    for my $path (qw(/proc/sysvipc/sem /proc/sysvipc/shm)) {
        my $text = Stentor::Node::slurp($path) // '';
        $n += () = $text =~ /\n/g;
    }

    return $n;
}


# Until there are so many workers, old ones included.

sub workers($n) {
    return $node->wait_until(sub {
        my @pids = $node->worker_pids(1);
        return @pids == $n;
    }, 30);
}


# what is made once is made
my $b = broadcaster($node, name => 'air', media => $media);
broadcaster($node, name => 'guest', media => $media)->stop();
$node->wait_status(sub ($s) {
    return 4 == grep { $_->{parts} > 5 } @{ $s->{streams} };
});
$node->reload() for 1 .. $WARM;
workers(3) or die "old workers stay\n";

my ($master, $worker, $free) = all_has();
my $ipc = ipc();
my $mine = $node->stream('live/air')->{session}{id};

my @player = map {
    Stentor::Player->start(port => $node->port_http(), dir => "$dir",
        name => s{/}{-}r, playlist => "/$_/" . (/ladder/ ? 'a' : 'audio')
                                      . '.m3u8')
} @STREAMS;
my $witness = Stentor::Witness->start(port => $node->port_http(),
    dir => "$dir", name => 'witness', playlist => '/live/air/audio.m3u8');

# --- the storm

my $most = 0;
my $refused = 0;
my $guest;
my $t0 = time();

for my $n (1 .. $RELOADS) {
    kill('HUP', $node->{pid});

    # one who comes with one reload and goes with another
    if ($guest) {
        $guest->kill_it();
        $guest = undef;

    } else {
        $guest = eval {
            Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                        name => 'guest', media => $media)
        };
        $refused++ if !$guest;
    }

    my @pids = $node->worker_pids(1);
    $most = max($most, scalar(@pids));
    my $left = $t0 + $n * $EVERY - time();
    sleep($left) if $left > 0;
}

my $took = time() - $t0;
note(sprintf('%d reloads in %.1f s, at most %d workers', $RELOADS, $took,
             $most));
$guest->stop() if $guest;

# --- and after it

is($refused, 0, 'every guest was let in');
ok(!$b->closed(0), 'the broadcaster was never sent away');
is($node->stream('live/air')->{session}{id}, $mine, 'his session is the same');

my $begun = () = $node->log() =~ /\] \d+#\d+: reconfiguring$/mg;
cmp_ok($begun, '>', $RELOADS / 2, "$begun reloads were made");

my $from = $node->stream('live/air')->{parts};
ok($node->wait_stream('live/air', sub ($st) {
    return $st && $st->{state} eq 'live' && $st->{parts} >= $from + 8;
}), 'parts go on');

for my $k (0 .. $#STREAMS) {
    my $heard = $player[$k]->join(0);
    conforms("$STREAMS[$k]: one unbroken programme",
             @{ $heard->{violations} });
    cmp_ok(scalar(@{ $heard->{parts} }), '>', 4 * $took, 'of all its parts');
}

my $seen = $witness->join(5);
conforms('for who looks later, too', @{ $seen->{violations} });

ok(workers(3), 'old workers have gone, but for that with the broadcaster');

my ($master_now, $worker_now, $free_now) = all_has();
is($free_now, $free, 'the zone is as free as it was');

for my $what (qw(fds eventfds shared threads)) {
    is($master_now->{$what}, $master->{$what}, "master: as many $what");
    cmp_ok($worker_now->{$what}, '<=', $worker->{$what} + 2,
           "workers: as many $what");
}

is(ipc(), $ipc, 'as many semaphores and shared memories');
cmp_ok($master_now->{kb}, '<', $master->{kb} * 1.25 + 1024, 'master: memory');
cmp_ok($worker_now->{kb}, '<', $worker->{kb} * 1.25 + 4096, 'workers: memory');
$b->stop();
ok(workers(2), 'and the last one, when he has gone');

note(sprintf('%-8s %7s fds %3d -> %3d, %3d -> %3d maps, %6d -> %6d kB', @$_))
    for map {
        [ $_->[0], '', map { ($_->[0], $_->[1]) }
          ([ $_->[1]{fds}, $_->[2]{fds} ], [ $_->[1]{shared},
             $_->[2]{shared} ], [ $_->[1]{kb}, $_->[2]{kb} ]) ]
    } [ 'master', $master, $master_now ], [ 'worker', $worker, $worker_now ];

$node->done('TERM');
done_testing();
