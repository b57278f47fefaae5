# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A network between TCP clients and one server: a process of its own that
# delays what goes through it, or limits its rate, without a change of order,
# and breaks when it is told to: stops forwarding without closing (a
# partition), resets what is connected, refuses what comes.  What is too late
# to be told here is the kernels' own: a client is connected at once, and a
# server that refuses is a connection that is reset.

package Stentor::TcpProxy;

use v5.36;

use parent 'Stentor::Proxy';

use Socket qw(AF_INET SOCK_STREAM SOL_SOCKET SO_REUSEADDR INADDR_LOOPBACK
              SOMAXCONN pack_sockaddr_in inet_aton);

use Stentor::Node;

use constant {
    CHUNK => 65536,

    # What may wait for a receiver that does not read, in bytes.
    BACKLOG => 1 << 20,
};

# The settings, for each direction.
my %DEFAULT = (
    delay => 0,                        # ms
    rate => 0,                         # kbit/s, of all together; 0: no limit
    queue => 200,                      # ms that may wait for the rate
    frozen => 0,                       # boolean: nothing is forwarded
);


# new(port => of the server, host => '127.0.0.1', settings): a setting holds
# for both directions, as up_delay and the like for that to the server, as
# down_delay for that to the clients.  The statistics: {connections (ever),
# open (now), failed (the server refused), cpu (s), up, down}, the latter
# {bytes, sent (times), late_ms (mean of what they left later than they
# should), latest_ms}.

sub new($class, %o) {
    my $port = Stentor::Node::free_port();
    my $server = pack_sockaddr_in(delete $o{port},
                                  inet_aton(delete $o{host} // '127.0.0.1'));
    my $process = Stentor::TcpProxy::Process->new(
        at => $port, server => $server, front => listen_on($port));
    my $self = $class->launch($process, $port, %o);

    # the process alone says when it is closed
    close(delete $process->{front});

    return $self;
}


sub defaults($class) { return \%DEFAULT }


sub listen_on($port) {
    socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "bind: $!\n";
    listen($s, SOMAXCONN) or die "listen: $!\n";

    return $s;
}


# Nothing is forwarded from now on, nothing is closed, and who connects is not
# answered; until thaw() all waits where it is.

sub freeze($self) { return $self->set(frozen => 1) }
sub thaw($self) { return $self->set(frozen => 0) }


# Ends every connection on both sides as an error.

sub reset($self) { return $self->ask('reset') }


# Who connects is refused from now on; who is connected stays.

sub refuse($self) { return $self->ask('refuse') }
sub accept($self) { return $self->ask('accept') }


# The process.  A connection has a pipe for each way; a pipe is a row of
# [when due, bytes], the last of which may be its end ('': no more comes).

package Stentor::TcpProxy::Process;

use v5.36;

use parent -norequire, 'Stentor::Proxy::Process';

use Errno qw(EAGAIN EINTR EINPROGRESS);
use Socket qw(AF_INET SOCK_STREAM SOL_SOCKET SO_LINGER SO_ERROR IPPROTO_TCP
              TCP_NODELAY SHUT_WR);


sub new($class, %o) {
    my $self = $class->SUPER::new(%o, conns => {}, connections => 0,
                                  failed => 0);

    for my $way (qw(up down)) {
        $self->{$way} = { %DEFAULT, free => 0,
                          map { $_ => 0 } qw(bytes sent late latest) };
    }

    Stentor::Proxy::Process::nonblocking($self->{front});

    return $self;
}


sub now() { return Stentor::Proxy::Process::now() }


sub run($self) {
    my $ctl = fileno($self->{ctl});

    while (1) {
        my ($in, $out, $pause) = $self->wanted();
        select($in, $out, undef, $pause);

        return if vec($in, $ctl, 1) && !$self->told();
        $self->welcome() if $self->{front} && !$self->{up}{frozen}
                            && vec($in, fileno($self->{front}), 1);

        for my $c (values %{ $self->{conns} }) {
            $self->serve($c, $in, $out) if !$c->{gone};
        }
    }
}


# What to wait for: descriptors to read and to write, and for how long.

sub wanted($self) {
    my ($in, $out, $next) = ($self->{bits}, '', undef);
    my $now = now();

    vec($in, fileno($self->{front}), 1) = 1
        if $self->{front} && !$self->{up}{frozen};

    for my $pipe (map { @$_{qw(up down)} } values %{ $self->{conns} }) {
        my $way = $self->{ $pipe->{way} };
        next if $way->{frozen};

        if (reads($way, $pipe, $now)) {
            vec($in, $pipe->{in}, 1) = 1;
        }

        if ($pipe->{blocked}) {
            vec($out, $pipe->{out}, 1) = 1;

        } elsif (@{ $pipe->{row} }) {
            my $due = $pipe->{row}[0][0];
            $next = $due if !defined $next || $due < $next;
        }

        # a way whose rate has no room gets some
        my $room = $way->{free} - $way->{queue} / 1000;
        $next = $room if $way->{rate} && $room > $now
                         && (!defined $next || $room < $next);
    }

    return ($in, $out, undef) if !defined $next;
    return ($in, $out, $next > $now ? $next - $now : 0);
}


# Whether a pipe takes more.

sub reads($way, $pipe, $now) {
    return !$pipe->{ended}
           && !($pipe->{blocked}
                && $pipe->{bytes} >= Stentor::TcpProxy::BACKLOG)
           && !($way->{rate}
                && $way->{free} - $now > $way->{queue} / 1000);
}


# Takes who has come, and begins to connect to the server for him.

sub welcome($self) {
    while (CORE::accept(my $client, $self->{front})) {
        socket(my $server, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";

        for my $s ($client, $server) {
            Stentor::Proxy::Process::nonblocking($s);
            setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
        }

        my $done = connect($server, $self->{server});
        my $going = !$done && $! == EINPROGRESS;
        my $c = { client => $client, server => $server, going => !$done,
                  up => pipe_of('up', $client, $server),
                  down => pipe_of('down', $server, $client) };

        $self->{connections}++;
        $self->{conns}{$client} = $c;
        $c->{up}{blocked} = 1;
        $self->fail($c) if !$done && !$going;
    }
}


sub pipe_of($way, $from, $to) {
    return { way => $way, from => $from, to => $to, in => fileno($from),
             out => fileno($to), row => [], bytes => 0, blocked => 0,
             ended => 0, closed => 0 };
}


sub serve($self, $c, $in, $out) {
    if ($c->{going} && vec($out, $c->{up}{out}, 1)) {
        my $error = unpack('i', getsockopt($c->{server}, SOL_SOCKET,
                                           SO_ERROR));
        return $self->fail($c) if $error;
        $c->{going} = 0;
    }

    for my $pipe (@$c{qw(up down)}) {
        my $way = $self->{ $pipe->{way} };
        next if $way->{frozen} || ($c->{going} && $pipe->{way} eq 'down');

        $pipe->{blocked} = 0 if !$c->{going} && vec($out, $pipe->{out}, 1);

        my $ok = (!vec($in, $pipe->{in}, 1) || take($way, $pipe))
                 && ($pipe->{blocked} || give($way, $pipe));
        return $self->drop($c, 1) if !$ok;
    }

    $self->drop($c, 0) if $c->{up}{closed} && $c->{down}{closed};
}


# Takes what has come; false when the connection is broken.

sub take($way, $pipe) {
    my $now = now();
    return 1 if !reads($way, $pipe, $now);

    # of a slow way no more than 10 ms at once
    my $most = $way->{rate} ? int($way->{rate} * 1.25) + 1
                            : Stentor::TcpProxy::CHUNK;
    my $n = sysread($pipe->{from}, my $data, $most);

    return $! == EAGAIN || $! == EINTR if !defined $n;

    my $due = $way->{rate} ? Stentor::Proxy::Process::through($way, $now, $n)
                           : $now;

    push(@{ $pipe->{row} }, [ $due + $way->{delay} / 1000, $data ]);
    $pipe->{ended} = 1 if $n == 0;
    $pipe->{bytes} += $n;
    $way->{bytes} += $n;

    return 1;
}


# Gives what is due; false when the connection is broken.

sub give($way, $pipe) {
    my $row = $pipe->{row};
    my $now = now();

    while (@$row && $row->[0][0] <= $now) {
        my ($due, $data) = @{ $row->[0] };

        if ($data eq '') {
            shutdown($pipe->{to}, SHUT_WR);
            $pipe->{closed} = 1;
            shift(@$row);
            return 1;
        }

        my $n = syswrite($pipe->{to}, $data);
        return 0 if !defined $n && $! != EAGAIN && $! != EINTR;

        $n //= 0;
        $pipe->{bytes} -= $n;

        if ($n < length($data)) {
            substr($row->[0][1], 0, $n, '');
            $pipe->{blocked} = 1;
            return 1;
        }

        shift(@$row);
        Stentor::Proxy::Process::left($way, now(), $due);
    }

    return 1;
}


sub fail($self, $c) {
    $self->{failed}++;
    $self->drop($c, 1);
}


# Ends a connection: as an error, or because both sides have.

sub drop($self, $c, $error) {
    for my $s (@$c{qw(client server)}) {
        setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $error;
        close($s);
    }

    $c->{gone} = 1;
    delete $self->{conns}{ $c->{client} };
}


sub reset($self) {
    $self->drop($_, 1) for values %{ $self->{conns} };
}


sub refuse($self) {
    close(delete $self->{front}) if $self->{front};
}


sub accept($self) {
    $self->{front} //= Stentor::TcpProxy::listen_on($self->{at});
    Stentor::Proxy::Process::nonblocking($self->{front});
}


sub statistics($self) {
    return {
        connections => $self->{connections}, failed => $self->{failed},
        open => scalar(keys %{ $self->{conns} }),
        cpu => Stentor::Proxy::Process::cpu(),
        map {
            my $way = $self->{$_};
            ($_ => { bytes => $way->{bytes}, sent => $way->{sent},
                     Stentor::Proxy::Process::lateness($way) });
        } qw(up down),
    };
}


1;
