#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A broadcaster whose line is cut says nothing, and his connection looks as it
# did: he is noticed within five seconds all the same, whether or not the node
# had something to tell him.  His line is a pair of virtual interfaces into a
# network namespace of his own: for root alone.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use POSIX ();
use Time::HiRes qw(time sleep);


my ($ADDRESS, $PEER);


# --- the broadcaster, in the namespace: dead_peer.t broadcast HOST PORT

if (($ARGV[0] // '') eq 'broadcast') {
    my $media = Stentor::Media::fixture();
    my $s = Stentor::RTMP->open(host => $ARGV[1], port => $ARGV[2],
                                asc => $media->{asc});

    # the node is to say how much it has got, four times a second
    $s->send_message(Stentor::RTMP::WINDOW_ACK, pack('N', 4096), csid => 2);

    my $t0 = time();

    for (my $k = 0; !$s->{eof}; $k++) {
        my $wait = $t0 + ($k + 1) * 1024 / 48000 - time();
        sleep($wait) if $wait > 0;
        $s->frames($media->{frames}, $k, 1) or last;
        $s->pump();
    }

    exit(0);
}

# --- his line

need(qw(ffmpeg ip));


sub sh(@command) { return system("@command 2>/dev/null") == 0 }


sub skip_all($why) {
    die "$why, and CI is set\n" if $ENV{CI} && $> == 0;
    plan(skip_all => $why);
}


skip_all('needs root') if $> != 0;

my $ns = "stentor$$";
my ($here, $there) = ("st$$", "sp$$");

# Takes everything away when this process is gone, however it went: it holds
# the other end of a pipe.

pipe(my $alive, my $hold) or die "pipe: $!\n";
my $keeper = fork() // die "fork: $!\n";

if ($keeper == 0) {
    close($hold);
    POSIX::setsid();
    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
    sysread($alive, my $word, 1);

    # those in there are all ours
    kill('KILL', split(' ', `ip netns pids $ns 2>/dev/null`));
    sh("ip link del $here");
    sh("ip netns del $ns");
    POSIX::_exit(0);
}

close($alive);
sh("ip netns add $ns") or skip_all('needs network namespaces');

# a network that nobody here has, one of its own for each run at once
my $net = '10.213.' . $$ % 250;
($ADDRESS, $PEER) = ("$net.1", "$net.2");

skip_all('needs virtual interfaces')
    if !sh("ip link add $here type veth peer name $there netns $ns")
       || !sh("ip addr add $ADDRESS/30 dev $here && ip link set $here up")
       || !sh("ip -n $ns addr add $PEER/30 dev $there"
              . " && ip -n $ns link set $there up");

my $port = Stentor::Node::free_port();
my $node = Stentor::Node->new(linger => '30s', grace => '400ms',
    stream_server => '} server { stentor_rtmp_media_timeout 60s;'
                     . " listen $ADDRESS:$port; stentor_rtmp;");
my @peers;


sub line_up() {
    sh("ip neigh del $PEER dev $here");
    sh("ip -n $ns link set $there up") or die "no line\n";
}


sub broadcast() {
    line_up();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close($hold);
        exec('ip', 'netns', 'exec', $ns, $^X, $0, 'broadcast', $ADDRESS,
             $port) or POSIX::_exit(127);
    }

    push(@peers, $pid);
    return $node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq 'live'
               && ($st->{session}{audio_frames} // 0) > 50;
    }, $Stentor::Node::PATIENCE, 'on the air');
}


# From now on he is dead; says when hold audio plays and when he is noticed.

sub notices($what) {
    my $t0 = time();
    my ($held, $gone);

    $node->wait_stream('live/studio1', sub ($st) {
        $held //= time() - $t0 if $st->{state} eq 'hold';
        $gone //= time() - $t0 if !defined $st->{session};
        return defined $held && defined $gone;
    }, 15, $what);

    my $slack = $ENV{STENTOR_ASAN} ? 2 : 1;
    cmp_ok($held // 99, '<', 0.6 + $slack, "$what: hold audio plays");
    cmp_ok($held // 99, '<', $gone // 99, 'before he is gone');
    cmp_ok($gone // 99, '<', 5 + $slack - 1, 'he is gone within 5 s');
    note(sprintf('%s: hold after %.2f s, gone after %.2f s', $what,
                 $held // -1, $gone // -1));
}


# --- he is cut off while the node listens

ok(broadcast(), 'he comes over a line of his own');
my $l = Stentor::Listener->fork_run(60, port => $node->port_http());
sh("ip -n $ns link set $there down") or die "the line is not cut\n";
notices('cut off');
is($node->status()->{ingest}{timeouts}, 0, 'long before the media timeout');
is($node->status()->{ingest}{sessions}, 0, 'no session is left');
like($node->log(), qr/broadcaster closed the connection without ending/,
     'the log knows of him');

# --- while it has something to tell him, which he does not get

ok(broadcast(), 'he is back');
sh("ip neigh replace $PEER lladdr 02:00:00:00:00:01 dev $here nud permanent")
    or die "no other neighbour\n";

# what he sends still comes, until his own window is full
my $got = $node->stream('live/studio1')->{session}{bytes};
$node->wait_stream('live/studio1', sub ($st) {
    return ($st->{session} // { bytes => 1e9 })->{bytes} > $got + 6000;
}, 5, 'a few more frames');
sh("ip -n $ns link set $there down") or die "the line is not cut\n";
notices('cut off with answers under way');
is($node->status()->{ingest}{timeouts}, 0, 'it is no media timeout');

# --- and again

ok(broadcast(), 'he is back once more');
conforms('a listener hears one programme', @{ $l->join()->{violations} });
kill('KILL', @peers);
waitpid($_, 0) for @peers;
ok($node->wait_stream('live/studio1', sub ($st) { !defined $st->{session} }),
   'a line that is whole tells of his end');
$node->done('TERM');

close($hold);
waitpid($keeper, 0);
ok(!sh("ip link show $here"), 'nothing is left of the line');
ok(!-e "/run/netns/$ns", 'nor of his namespace');
done_testing();
