#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The proxy that is a bad network in other tests really is one: what it loses,
# delays, reorders, doubles and throttles is what it was told, as far as
# chance and the machine allow, and what it says of it is true.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::UdpProxy;

use IO::Select;
use IO::Socket::INET;
use List::Util qw(max min sum0);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use constant PATIENCE => 10;


# The server: a socket in this process; what it gets is answered when a test
# wants it to be.

my $server = udp();
my $run = 0;


sub udp() {
    my $s = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1',
                                  LocalPort => 0) or die "udp: $@\n";
    Stentor::UdpProxy::roomy($s);
    $s->blocking(0);
    return $s;
}


sub now() { return clock_gettime(CLOCK_MONOTONIC) }


sub proxy(%o) {
    return Stentor::UdpProxy->new(port => $server->sockport(), %o);
}


sub to($proxy) {
    return Socket::pack_sockaddr_in($proxy->port(),
                                    Socket::INADDR_LOOPBACK());
}


# What there is on a socket: [data, from, when].

sub drain($s) {
    my @out;

    while (defined(my $from = recv($s, my $data, 65536, 0))) {
        push(@out, [ $data, $from, now() ]);
    }

    return @out;
}


# One packet that comes, or undef.

sub one($s) {
    IO::Select->new($s)->can_read(PATIENCE) or return undef;

    my $from = recv($s, my $data, 65536, 0);
    return [ $data, $from ];
}


# Sends n packets to the server, so many a second, and returns what came of
# them: [n, when sent, when it came].  Packets of number -1 follow, until one
# comes: then nothing else does.

sub stream($proxy, $n, $rate, $size = 100) {
    my $s = udp();
    my $to = to($proxy);
    my (@sent, @got);
    my $begin = now();
    my $select = IO::Select->new($server);
    my $end = 0;

    $run++;

    for (my $k = 0; !$end; ) {
        my $now = now();
        my $due = min($n, int(($now - $begin) * $rate));

        for (; $k < $due; $k++) {
            $sent[$k] = now();
            send($s, pack('l> l> x' . ($size - 8), $run, $k), 0, $to);
        }

        # the last come later than the first of these
        if ($k >= $n && $now - $begin > $n / $rate + 0.5) {
            send($s, pack('l> l>', $run, -1), 0, $to);
        }

        $select->can_read($k < $n ? 0.001 : 0.02);

        for my $p (drain($server)) {
            my ($of, $i) = unpack('l> l>', $p->[0]);
            next if $of != $run;
            push(@got, [ $i, $sent[$i], $p->[2] ]) if $i >= 0;
            $end ||= $i < 0;
        }

        die "nothing comes through\n" if $now - $begin > $n / $rate + PATIENCE;
    }

    return @got;
}


sub within($what, $got, $low, $high) {
    ok($got >= $low && $got <= $high, $what)
        or diag("$got, not from $low to $high");
}


# The error of a share of n, five times its standard deviation.

sub spread($share, $n) { return 5 * sqrt($n * $share * (1 - $share)) }


sub missing($n, @got) {
    my %got = map { $_->[0] => 1 } @got;
    return join(' ', grep { !$got{$_} } 0 .. $n - 1);
}


# --- a good network

my $p = proxy();
my @clients = map { udp() } 1 .. 3;
my (%from, @answers, @asked);

for my $round (1 .. 20) {
    send($clients[$_], "$_ asks $round", 0, to($p)) for 0 .. $#clients;

    for (@clients) {
        my ($data, $who) = @{ one($server) // last };
        push(@asked, $data);
        $from{$who}{ (split(' ', $data))[0] } = 1;
        send($server, $data =~ s/^\d+ asks (\d+)/$1 is answered/r, 0, $who);
    }

    push(@{ $answers[$_] }, (one($clients[$_]) // [''])->[0])
        for 0 .. $#clients;
}

is(scalar(@asked), 60, 'what clients send comes to the server');
is(scalar(keys %from), 3, 'each client has an address of his own');
is(scalar(grep { keys %$_ > 1 } values %from), 0, 'which stays his');
is_deeply($answers[$_], [ map { "$_ is answered" } 1 .. 20 ],
          "client $_: his own answers, in order") for 0 .. 2;

my $s = $p->stop();
is($s->{clients}, 3, 'clients are counted');
is($s->{$_}{packets}, 60, "$_: packets are counted") for qw(up down);
is($s->{$_}{sent}, 60, "$_: all are sent") for qw(up down);
is($s->{$_}{reordered}, 0, "$_: in order") for qw(up down);

# --- loss

my $N = 4000;
my @lost;

for my $seed (1, 1, 2) {
    $p = proxy(seed => $seed, up_loss => 5);
    my @got = stream($p, $N, 4000);
    $s = $p->stop();

    push(@lost, missing($N, @got));
    within("seed $seed: 5% are lost", $N - @got, $N * 0.05 - spread(0.05, $N),
           $N * 0.05 + spread(0.05, $N));

    # those that follow may be lost as well
    within('and counted', $s->{up}{lost} - ($N - @got), 0,
           $s->{up}{packets} - $N);
}

is($lost[0], $lost[1], 'one seed loses the same packets');
isnt($lost[0], $lost[2], 'another one others');

# the way back has a loss of its own
$p = proxy(down_loss => 100);
my $client = udp();
send($client, 'ask', 0, to($p));
my $packet = one($server);
is($packet->[0], 'ask', 'loss of the way back: not that of the way there');
send($server, 'lost', 0, $packet->[1]);

# what is sent on the way there after it shows that it was seen
send($client, 'more', 0, to($p));
is((one($server) // [''])->[0], 'more', 'the way there goes on');
$p->set(down_loss => 0);

my $answer;

for (1 .. 50 * PATIENCE) {
    send($server, 'comes', 0, $packet->[1]);
    IO::Select->new($client)->can_read(0.02) or next;
    $answer = one($client)->[0];
    last;
}

is($answer, 'comes', 'settings change while it runs');
$s = $p->stop();
cmp_ok($s->{down}{lost}, '>', 0, 'and what was lost is counted');


# --- delay and jitter

$p = proxy(delay => 120, jitter => 50);
my @got = stream($p, $N, 2000, 1316);
$s = $p->stop();

my @delay = sort { $a <=> $b } map { 1000 * ($_->[2] - $_->[1]) } @got;
my $mean = sum0(@delay) / @delay;
my ($early, $late) = map { $delay[$_ * $#delay] } 0.05, 0.95;

note(sprintf('120 ms +- 50 ms, 2000 a second: %.1f ms (%.1f to %.1f), mean'
             . ' error %.2f ms, largest %.1f ms, %.1f%% of a core',
             $mean, $delay[0], $delay[-1], $s->{up}{late_ms},
             $s->{up}{latest_ms}, 100 * $s->{cpu} / ($N / 2000 + 0.5)));

is(scalar(@got), $N, 'delay: none is lost');
cmp_ok($delay[0], '>=', 70, 'delay: none comes too early');
within('delay: the mean', $mean, 115, 140);
within('jitter: the first twentieth', $early, 70, 90);
within('jitter: the last twentieth', $late, 150, 190);
cmp_ok($s->{up}{reordered}, '>', $N / 2, 'jitter: packets are reordered');

my $order = 0;
$order += $got[$_][0] < max(map { $_->[0] } @got[0 .. $_ - 1]) for 1 .. 999;
cmp_ok($order, '>', 500, 'and come so');

# --- reordering and doubles, told as such

$p = proxy(delay => 10, reorder => 3, duplicate => 2);
@got = stream($p, $N, 4000);
$s = $p->stop();

my %times;
$times{ $_->[0] }++ for @got;
within('duplicates', scalar(grep { $_ > 1 } values %times),
       $N * 0.02 - spread(0.02, $N), $N * 0.02 + spread(0.02, $N));
is(scalar(keys %times), $N, 'and none is lost');

# a packet that was overtaken came twice at most
within('overtaken', $s->{up}{reordered}, $N * 0.03 - spread(0.03, $N),
       1.2 * $N * 0.03 + spread(0.03, $N));

# --- bandwidth: 1000 packets of 1000 bytes take a second at 8 Mbit/s

$p = proxy(rate => 8000, queue => 2000);
@got = stream($p, 1000, 20000, 1000);
$s = $p->stop();

is(scalar(@got), 1000, 'bandwidth: what fits into the queue comes');
cmp_ok($got[-1][2] - $got[0][1], '>=', 0.99, 'bandwidth: and takes its time');

$p = proxy(rate => 8000, queue => 100);
@got = stream($p, 1000, 20000, 1000);
$s = $p->stop();

cmp_ok(scalar(@got), '<', 1000, 'bandwidth: what does not is dropped');
is($s->{up}{overflowed} + @got, 1000, 'and counted');

eval { proxy(los => 1) };
like($@, qr/no setting/, 'a setting that there is not');

done_testing();
