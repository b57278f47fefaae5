#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The proxy that is a network in other tests delays, throttles and breaks as
# it was told, and forwards every byte in order, however many there are.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::TcpProxy;

use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant { PATIENCE => 15, MEGABYTES => 32 };


# The server: a listening socket in this process.

my $server = listening(Stentor::Node::free_port());


sub listening($port) {
    return IO::Socket::INET->new(Listen => 16, ReuseAddr => 1,
                                 LocalAddr => "127.0.0.1:$port")
           // die "listen: $@\n";
}


sub now() { return clock_gettime(CLOCK_MONOTONIC) }


sub proxy(%o) {
    return Stentor::TcpProxy->new(port => $server->sockport(), %o);
}


sub client($proxy) {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $proxy->port());
    setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1) if $s;
    return $s;
}


# A connection through the proxy: (the client's end, the server's).

sub pair($proxy) {
    my $c = client($proxy) // die "connect: $@\n";
    ready($server) or die "the proxy does not connect\n";
    my $s = $server->accept();
    setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
    return ($c, $s);
}


sub ready($s, $seconds = PATIENCE) {
    return scalar(IO::Select->new($s)->can_read($seconds));
}


# What comes next: bytes, '' for the end, the error's number for an error.

sub next_of($s, $seconds = PATIENCE) {
    ready($s, $seconds) or return 'nothing';
    my $n = sysread($s, my $data, 65536);
    return defined $n ? $data : $! + 0;
}


# Seconds that a word takes from one end to the other.

sub trip($from, $to) {
    my $begin = now();
    syswrite($from, 'word');
    my $got = next_of($to);
    die "got $got\n" if $got ne 'word';
    return now() - $begin;
}


# Writes so many bytes, in a process of its own, and closes; reads them here:
# (seconds, whether they are the same).

sub pour($from, $to, $bytes) {
    my $block = join('', map { pack('N', $_ * 2654435761 & 0xffffffff) }
                         1 .. 16384);
    my $text = $block x ($bytes / length($block));
    my $begin = now();
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        for (my $at = 0; $at < length($text); ) {
            $at += syswrite($from, $text, 1 << 20, $at) // POSIX::_exit(1);
        }

        shutdown($from, 1);
        POSIX::_exit(0);
    }

    my $got = '';

    while (1) {
        my $data = next_of($to);
        last if $data eq '' || length($data) < 8;
        $got .= $data;
    }

    waitpid($pid, 0);

    return (now() - $begin, length($got) == length($text)
                            && sha256_hex($got) eq sha256_hex($text));
}


# --- it forwards

my $p = proxy();
my ($c, $s) = pair($p);

cmp_ok(trip($c, $s), '<', PATIENCE, 'a word to the server');
cmp_ok(trip($s, $c), '<', PATIENCE, 'and one back');

my ($plain, $same) = pour($c, $s, MEGABYTES << 20);
ok($same, MEGABYTES . ' MB are the same bytes');

syswrite($s, 'still');
is(next_of($c), 'still', 'one way is closed, the other is not');
close($s);
is(next_of($c), '', 'till it is');

my $t = $p->statistics();
is($t->{connections}, 1, 'statistics: the connection');
is($t->{up}{bytes}, 4 + (MEGABYTES << 20), 'statistics: bytes to the server');
is($t->{down}{bytes}, 9, 'statistics: bytes from it');
$p->stop();


# --- delay: each way by its own, and more than a window may be under way

$p = proxy(up_delay => 60, down_delay => 20);
($c, $s) = pair($p);

my @up = sort { $a <=> $b } map { trip($c, $s) } 1 .. 9;
my @down = sort { $a <=> $b } map { trip($s, $c) } 1 .. 9;

note(sprintf('60 ms: %.1f to %.1f; 20 ms: %.1f to %.1f',
             map { 1000 * $_ } @up[0, -1], @down[0, -1]));
cmp_ok($up[0], '>=', 0.06, 'nothing comes before its delay');
cmp_ok($down[0], '>=', 0.02, 'on neither way');
cmp_ok($down[4], '<', $up[0], 'each way has its own');

my ($slow, $right) = pour($c, $s, MEGABYTES << 20);
$t = $p->stop();

note(sprintf('%d MB: %.2f s without a delay, %.2f s with 60 ms; late by'
             . ' %.2f ms, %.1f at most', MEGABYTES, $plain, $slow,
             @{ $t->{up} }{qw(late_ms latest_ms)}));
ok($right, 'delayed bytes are the same bytes');
cmp_ok($slow, '<', 0.06 * MEGABYTES / 2, 'and need not wait for each other');


# --- rate: a megabyte at 8 Mbit/s takes a second

$p = proxy(rate => 8000);
($c, $s) = pair($p);
my ($second) = pour($c, $s, 1 << 20);
cmp_ok($second, '>=', 0.99 * (1 << 20) / 1e6 - 0.2, 'rate: takes its time');
$p->stop();


# --- freeze and thaw

$p = proxy();
($c, $s) = pair($p);
my ($c2, $s2) = pair($p);

trip($c, $s);
$p->freeze();
syswrite($c, 'late');
my $c3 = client($p);
ok($c3, 'frozen: who connects is not refused');
syswrite($c3, 'later');
close($c2);

# by order: what is told to the proxy after it is answered first
$p->statistics() for 1 .. 10;
ok(!ready($_->[0], 0), "frozen: $_->[1]")
    for [ $s, 'nothing comes' ], [ $s2, 'no end comes' ],
        [ $server, 'nobody is connected' ];

$p->thaw();
is(next_of($s), 'late', 'thawed: what waited comes');
is(next_of($s2), '', 'thawed: and the end');
ok(ready($server), 'thawed: and who connected');
my $s3 = $server->accept();
is(next_of($s3), 'later', 'thawed: with what he said');

$p->set(down_frozen => 1);
cmp_ok(trip($c, $s), '<', PATIENCE, 'one way is frozen, the other is not');
syswrite($s, 'back');
$p->statistics() for 1 .. 10;
ok(!ready($c, 0), 'one way frozen: nothing comes');
$p->thaw();
is(next_of($c), 'back', 'thawed: it comes');


# --- reset, refuse, accept

$p->reset();
is(next_of($_), POSIX::ECONNRESET(), 'reset on both sides')
    for $c, $s;

($c, $s) = pair($p);
$p->refuse();
ok(!client($p), 'refused');
is($! + 0, POSIX::ECONNREFUSED(), 'as if nobody listened');
cmp_ok(trip($c, $s), '<', PATIENCE, 'refused: who was connected stays');
$p->accept();
my ($c4, $s4) = pair($p);
cmp_ok(trip($c4, $s4), '<', PATIENCE, 'accepted again');


# --- a server that is not there, and is again

$p->stop();
my $port = Stentor::Node::free_port();
$p = Stentor::TcpProxy->new(port => $port);
$c = client($p);
is(next_of($c), POSIX::ECONNRESET(), 'no server: reset');
is($p->statistics()->{failed}, 1, 'no server: counted');
$server = listening($port);
($c, $s) = pair($p);
cmp_ok(trip($c, $s), '<', PATIENCE, 'a server that is back is found');

eval { proxy(dela => 1) };
like($@, qr/no setting/, 'a setting that there is not');

done_testing();
