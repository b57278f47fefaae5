# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A bad network between UDP clients and one server: a process of its own that
# takes what the clients send to its port, each client on a socket of its own
# towards the server, and loses, delays, reorders, doubles or throttles it both
# ways as told.  What becomes of the nth packet of a direction depends on
# nothing but the seed, n and the settings: two runs lose the same packets.

package Stentor::UdpProxy;

use v5.36;

use parent 'Stentor::Proxy';

use Socket qw(AF_INET SOCK_DGRAM SOL_SOCKET SO_RCVBUF INADDR_LOOPBACK
              pack_sockaddr_in unpack_sockaddr_in inet_aton);

use constant {
    # Packets leave in turns of this many s: the error of their times.
    TURN => 0.001,

    # Taken from one socket before others get their turn.
    BATCH => 64,

    BUFFER => 4 << 20,
    SO_RCVBUFFORCE => 33,              # Linux: root may have more
    LARGEST => 65536,
};

# The settings, for each direction.
my %DEFAULT = (
    loss => 0,                         # percent
    delay => 0,                        # ms
    jitter => 0,                       # ms around the delay, even spread
    reorder => 0,                      # percent that is overtaken:
    reorder_by => 20,                  # comes this many ms later
    duplicate => 0,                    # percent
    rate => 0,                         # kbit/s, 0: no limit
    queue => 200,                      # ms that may wait for the rate
);


# new(port => of the server, host => '127.0.0.1', seed => 1, settings): a
# setting holds for both directions, as up_loss and the like for that to the
# server, as down_loss for that to the clients.  stop() returns the statistics:
# {clients, cpu (s), up, down}, the latter {packets, bytes, lost, overflowed
# (no room in the queue), duplicated, sent, reordered (sent after one that came
# later), late_ms (mean of what they left later than they should), latest_ms}.

sub new($class, %o) {
    socket(my $front, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    bind($front, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!\n";

    my $server = pack_sockaddr_in(delete $o{port},
                                  inet_aton(delete $o{host} // '127.0.0.1'));
    my $process = Stentor::UdpProxy::Process->new(
        front => $front, server => $server, seed => delete $o{seed} // 1);
    my ($port) = unpack_sockaddr_in(getsockname($front));

    return $class->launch($process, $port, %o);
}


sub defaults($class) { return \%DEFAULT }


# A socket whose reader may sleep for a while: what the kernel loses is not
# told from what was to be lost.

sub roomy($socket) {
    setsockopt($socket, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        or setsockopt($socket, SOL_SOCKET, SO_RCVBUF, BUFFER);
}


# The process.  A packet waits in the list of its turn; lists are emptied one
# after another as time goes by.

package Stentor::UdpProxy::Process;

use v5.36;

use parent -norequire, 'Stentor::Proxy::Process';

use Socket qw(AF_INET SOCK_DGRAM);


sub new($class, %o) {
    my $self = $class->SUPER::new(%o, turns => {}, waiting => 0,
                                  at => turn(now()), clients => {});

    my $salt = 0;
    for my $way (qw(up down)) {
        $self->{$way} = {
            %DEFAULT, random => $self->{seed} * 2 + ++$salt, free => 0,
            map { $_ => 0 } qw(packets bytes lost overflowed duplicated sent
                               reordered late latest),
        };

        # the first numbers after like seeds are alike
        random($self->{$way}) for 1 .. 20;
    }

    $self->watch($self->{front});

    return $self;
}


sub now() { return Stentor::Proxy::Process::now() }


# The turn in which a time has passed.

sub turn($t) { return 1 + int($t / Stentor::UdpProxy::TURN) }


sub watch($self, $socket) {
    Stentor::UdpProxy::roomy($socket);
    Stentor::Proxy::Process::nonblocking($socket);
    vec($self->{bits}, fileno($socket), 1) = 1;
}


sub run($self) {
    my $ctl = fileno($self->{ctl});
    my $front = fileno($self->{front});

    while (1) {
        select(my $ready = $self->{bits}, undef, undef, $self->pause());

        $self->take_up() if vec($ready, $front, 1);

        for my $client (values %{ $self->{clients} }) {
            $self->take_down($client) if vec($ready, $client->{fd}, 1);
        }

        $self->leave();
        return if vec($ready, $ctl, 1) && !$self->told();
    }
}


# Seconds until something has to leave, undef when nothing waits.

sub pause($self) {
    return undef if !$self->{waiting};

    my $turn = $self->{at};
    $turn++ while !$self->{turns}{$turn};

    my $left = $turn * Stentor::UdpProxy::TURN - now();
    return $left > 0 ? $left : 0;
}


sub take_up($self) {
    for (1 .. Stentor::UdpProxy::BATCH) {
        my $from = recv($self->{front}, my $data, Stentor::UdpProxy::LARGEST,
                        0) // return;
        my $client = $self->{clients}{$from} //= $self->client($from);

        $self->take($self->{up}, $client->{up}, $data);
    }
}


sub take_down($self, $client) {
    for (1 .. Stentor::UdpProxy::BATCH) {
        # an error is the server's port unreachable: nothing to forward
        defined recv($client->{socket}, my $data, Stentor::UdpProxy::LARGEST,
                     0) or return;

        $self->take($self->{down}, $client->{down}, $data);
    }
}


# A flow: where its packets go and how many came and left.

sub client($self, $from) {
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    connect($s, $self->{server}) or die "connect: $!\n";
    $self->watch($s);

    return {
        socket => $s, fd => fileno($s),
        up => { socket => $s, to => undef, came => 0, last => 0 },
        down => { socket => $self->{front}, to => $from, came => 0,
                  last => 0 },
    };
}


# What shall become of a packet: as many random numbers for each of them.

sub take($self, $way, $flow, $data) {
    my ($lose, $early, $overtake, $double, $again) =
        map { random($way) } 1 .. 5;
    my $now = now();

    $way->{packets}++;
    $way->{bytes} += length($data);
    $flow->{came}++;

    if (100 * $lose < $way->{loss}) {
        $way->{lost}++;
        return;
    }

    my $due = $way->{rate} ? throttle($way, $now, length($data)) : $now;
    return if !defined $due;

    $due += $way->{reorder_by} / 1000 if 100 * $overtake < $way->{reorder};
    $self->wait($way, $flow, $data, $due + delay($way, $early), $now);

    if (100 * $double < $way->{duplicate}) {
        $way->{duplicated}++;
        $self->wait($way, $flow, $data, $due + delay($way, $again), $now);
    }
}


sub delay($way, $random) {
    return ($way->{delay} + (2 * $random - 1) * $way->{jitter}) / 1000;
}


# When the last bit of a packet is through, undef when too much waits.

sub throttle($way, $now, $bytes) {
    if ($way->{free} - $now > $way->{queue} / 1000) {
        $way->{overflowed}++;
        return undef;
    }

    return Stentor::Proxy::Process::through($way, $now, $bytes);
}


sub wait($self, $way, $flow, $data, $due, $now) {
    $due = $now if $due < $now;
    my $packet = [ $way, $flow, $data, $due, $flow->{came} ];

    return leaves($packet, $now) if $due == $now;

    my $turn = turn($due);
    $turn = $self->{at} if $turn < $self->{at};
    push(@{ $self->{turns}{$turn} }, $packet);
    $self->{waiting}++;
}


# All turns that have come.

sub leave($self) {
    my $now = now();
    my $last = int($now / Stentor::UdpProxy::TURN);

    if (!$self->{waiting}) {
        $self->{at} = $last + 1;
        return;
    }

    for (; $self->{at} <= $last; $self->{at}++) {
        my $list = delete $self->{turns}{ $self->{at} } // next;

        leaves($_, $now) for @$list;
        $self->{waiting} -= @$list;
    }
}


sub leaves($packet, $now) {
    my ($way, $flow, $data, $due, $n) = @$packet;

    defined $flow->{to} ? send($flow->{socket}, $data, 0, $flow->{to})
                        : send($flow->{socket}, $data, 0);

    $way->{reordered}++ if $n < $flow->{last};
    $flow->{last} = $n if $n > $flow->{last};

    Stentor::Proxy::Process::left($way, $now, $due);
}


# xorshift of 32 bits: a number from 0 up to 1.

sub random($way) {
    my $x = $way->{random};

    $x ^= $x << 13 & 0xffffffff;
    $x ^= $x >> 17;
    $x ^= $x << 5 & 0xffffffff;
    $way->{random} = $x;

    return $x / 4294967296;
}


sub statistics($self) {
    my %s = (clients => scalar(keys %{ $self->{clients} }),
             cpu => Stentor::Proxy::Process::cpu());

    for my $name (qw(up down)) {
        my $way = $self->{$name};

        $s{$name} = {
            map({ $_ => $way->{$_} } qw(packets bytes lost overflowed
                                        duplicated sent reordered)),
            Stentor::Proxy::Process::lateness($way),
        };
    }

    return \%s;
}


1;
