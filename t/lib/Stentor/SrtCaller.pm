# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# An SRT caller without libsrt, for tests that must see what a broadcaster is
# told: it makes the handshake of version 5, or as much of it and as wrongly as
# asked, reads the code with which it is refused, and sends what it is given
# for payloads.  It repeats lost handshakes but no data: for loopback only.
#
# Sections are those of draft-sharabayko-srt-01.

package Stentor::SrtCaller;

use v5.36;

use IO::Socket::IP;
use Time::HiRes qw(time);

our $TIMEOUT = $ENV{STENTOR_ASAN} ? 20 : 8;

use constant {
    # control packets (3.2)
    HANDSHAKE => 0, KEEPALIVE => 1, ACK => 2, NAK => 3, SHUTDOWN => 5,
    ACKACK => 6,

    # handshakes (3.2.1)
    INDUCTION => 1,
    CONCLUSION => 0xffffffff,
    FAILURE => 1000,                   # and the reason
    MAGIC => 0x4a17,
    DATAGRAM => 2,                     # the socket type, for version 4

    HSREQ => 1, SID => 5,              # extensions
    FLAGS => 0xbf,
    LIBSRT => 0x010501,

    REPEAT => 0.25,                    # s, as libsrt
    PAYLOAD => 1316,
};


# new(port =>, host => '127.0.0.1', from => an address of this host): a socket
# that has said nothing.

sub new($class, %o) {
    my $socket = IO::Socket::IP->new(Proto => 'udp',
        PeerHost => $o{host} // '127.0.0.1', PeerPort => $o{port},
        $o{from} ? (LocalHost => $o{from}) : ())
        or die "udp socket: $@\n";

    return bless {
        socket => $socket, id => 1 + int(rand(1 << 30)), peer => 0,
        sequence => int(rand(1 << 20)), message => 1, began => time(),
        closed => 0, acked => 0,
    }, $class;
}


# connect(port =>, streamid =>, ...): the whole handshake.  Look at {code}: 0
# when it came through, the reason of the refusal otherwise (1000 and above are
# the server's own), undef when nobody answered.

sub connect($class, %o) {
    my $self = $class->new(%o);

    $self->{code} = undef;
    $self->induction() or return $self;
    $self->conclusion(%o);

    return $self;
}


# The first round (4.3.1.1.1): {version, extension, cookie}, undef when nothing
# came.

sub induction($self) {
    my $hs = $self->exchange($self->handshake(version => 4,
        extension => DATAGRAM, type => INDUCTION, to => 0)) // return undef;

    $self->{cookie} = $hs->{cookie};
    return $hs;
}


# The second one: streamid, latency (ms), version 4 for a caller of old,
# encryption (key length / 8) promised; raw => what stands for the extensions.

sub conclusion($self, %o) {
    my $hs = $self->exchange($self->request(%o), CONCLUSION) // return undef;

    $self->{peer} = $hs->{id};
    $self->{code} = $hs->{type} == CONCLUSION ? 0 : $hs->{type} - FAILURE;

    return $hs;
}


# The bytes of that request, to be sent by hand.

sub request($self, %o) {
    my $version = $o{version} // 5;

    if ($version == 4) {
        return $self->handshake(version => 4, extension => DATAGRAM,
                                type => CONCLUSION, to => 0);
    }

    my $ms = $o{latency} // 120;
    my $more = extension(HSREQ, pack('NNnn', $o{libsrt} // LIBSRT, FLAGS, $ms,
                                     $ms));
    my $kinds = 1;

    if (length($o{streamid} // '')) {
        $more .= extension(SID, swap($o{streamid}));
        $kinds |= 4;
    }

    return $self->handshake(version => $version, type => CONCLUSION, to => 0,
        encryption => $o{encryption} // 0, extension => $o{kinds} // $kinds,
        more => $o{raw} // $more);
}


sub extension($type, $bytes) {
    return pack('nn', $type, length($bytes) / 4) . $bytes;
}


# Text goes in words, each backwards (3.2.1.3).

sub swap($text) {
    $text .= "\0" while length($text) % 4;
    return join('', map { scalar(reverse($_)) } unpack('(a4)*', $text));
}


sub handshake($self, %o) {
    return $self->control(HANDSHAKE, 0, $o{to},
        pack('N n n N N N N N N a16', $o{version}, $o{encryption} // 0,
             $o{extension}, $self->{sequence}, 1500, 8192, $o{type},
             $self->{id}, $self->{cookie} // 0, "\1\0\0\x7f")
        . ($o{more} // ''));
}


sub control($self, $type, $info = 0, $to = $self->{peer}, $bytes = '') {
    return pack('n n N N N', 0x8000 | $type, 0, $info, $self->stamp(), $to)
           . $bytes;
}


sub stamp($self) {
    return int((time() - $self->{began}) * 1e6) & 0xffffffff;
}


# Sends a handshake until one comes back that is for this caller: an answer to
# the first round, or to the second; what was asked twice is answered twice.

sub exchange($self, $bytes, $round = INDUCTION) {
    my $deadline = time() + $TIMEOUT;

    while (time() < $deadline) {
        $self->send($bytes);
        my $until = time() + REPEAT;

        while (defined(my $in = $self->receive($until))) {
            my $hs = parse($in);
            next if !$hs || $hs->{to} != $self->{id};
            return $hs if $round == INDUCTION || $hs->{type} != INDUCTION;
        }
    }

    return undef;
}


# A handshake's fields, undef when it is something else.

sub parse($bytes) {
    return undef if length($bytes) < 64;

    my ($kind, undef, undef, undef, $to, $version, undef, $extension,
        undef, undef, undef, $type, $id, $cookie)
        = unpack('n n N N N N n n N N N N N N', $bytes);
    return undef if $kind != (0x8000 | HANDSHAKE);

    return { to => $to, version => $version, extension => $extension,
             type => $type, id => $id, cookie => $cookie };
}


sub send($self, $bytes) {
    # an error is the port unreachable: as if it were lost
    syswrite($self->{socket}, $bytes);
}


# The next packet, undef when none comes until then.

sub receive($self, $until) {
    my $bits = '';
    vec($bits, fileno($self->{socket}), 1) = 1;

    my $left = $until - time();
    select($bits, undef, undef, $left > 0 ? $left : 0) > 0 or return undef;

    sysread($self->{socket}, my $in, 2048);
    return length($in // '') ? $in : undef;
}


# Answers what libsrt wants answered, and sees whether it has hung up.

sub pump($self, $seconds = 0) {
    my $until = time() + $seconds;

    while (!$self->{closed} && defined(my $in = $self->receive($until))) {
        my ($kind, undef, $info) = unpack('n n N', $in);

        if ($kind == (0x8000 | ACK) && length($in) > 20) {
            $self->{acked} = unpack('N', substr($in, 16, 4));
            $self->send($self->control(ACKACK, $info));
        }

        $self->{closed} = 1 if $kind == (0x8000 | SHUTDOWN);
    }
}


sub keepalive($self) { $self->send($self->control(KEEPALIVE)) }


# One packet of data (3.1), a message by itself.

sub data($self, $payload) {
    $self->send(pack('N N N N', $self->{sequence} & 0x7fffffff,
                     0xe0000000 | $self->{message} & 0x03ffffff,
                     $self->stamp(), $self->{peer}) . $payload);
    $self->{sequence}++;
    $self->{message}++;
}


# Sends what next->() gives (undef: nothing this time), a packet each step
# seconds, until the server hangs up; false when it did not within seconds.

sub run($self, $next, $step, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;
    my $alive = 0;

    while (!$self->{closed}) {
        return 0 if time() > $deadline;

        my $payload = $next->();
        $self->data($payload) if defined $payload;

        if (time() - $alive > 0.5) {
            $self->keepalive();
            $alive = time();
        }

        $self->pump($step);
    }

    return 1;
}


# Waits to be hung up on; says no more than that it is there.

sub hung_up($self, $seconds = $TIMEOUT) {
    return $self->run(sub { undef }, 0.1, $seconds);
}


# Leaves in order.

sub shutdown($self) {
    $self->send($self->control(SHUTDOWN, 0, $self->{peer}, "\0" x 4));
    close($self->{socket});
}


1;
