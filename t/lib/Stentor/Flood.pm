# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Somebody who floods a node, in a process of its own: thousands of
# connections that do what no crowd of players does, until it is stopped.

package Stentor::Flood;

use v5.36;

use Errno ();
use Fcntl ();
use POSIX ();
use Socket;
use Time::HiRes qw(time sleep);

my %running;


# start(port =>, %o) begins.  It holds so many connections (connections => 0)
# and makes again those that are closed; first => what each says at once,
# drip => a byte that each says every second after that.  On them, in turn, it
# sends request => so many times a second (rate => 0); with fresh => 1 each on
# a new connection of its own instead, which it closes when an answer comes.
# What the node answers is read and thrown away.

sub start($class, %o) {
    my $parent = $$;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        my $rc = eval { flood($parent, connections => 0, rate => 0, %o); 1 };
        print STDERR "# flood: $@" if !$rc;
        POSIX::_exit($rc ? 0 : 1);
    }

    my $self = bless { pid => $pid }, $class;
    $running{$pid} = $self;

    return $self;
}


sub stop($self) {
    my $pid = delete $self->{pid} // return;

    kill('KILL', $pid);
    waitpid($pid, 0);
    delete $running{$pid};
}


# The child.  Every step is done what is due by then.

sub flood($parent, %o) {
    my (@held, @fresh);
    my ($sent, $dripped) = (0, time());
    my $t0 = time();

    $SIG{PIPE} = 'IGNORE';

    while (getppid() == $parent) {
        my $now = time();

        for (1 .. min($o{connections} - @held, 200)) {
            my $s = dial($o{port}) // last;
            syswrite($s, $o{first}) if defined $o{first};
            push(@held, $s);
        }

        if (defined $o{drip} && $now - $dripped >= 1) {
            syswrite($_, $o{drip}) for @held;
            $dripped = $now;
        }

        for (1 .. min(int(($now - $t0) * $o{rate}) - $sent, 500)) {
            my $s = $o{fresh} ? dial($o{port}) : $held[$sent % (@held || 1)];
            $sent++;
            syswrite($s // next, $o{request});
            push(@fresh, $s) if $o{fresh};
        }

        @held = grep { defined drain($_) } @held;
        @fresh = grep { (drain($_) // 1) == 0 } @fresh;

        sleep(0.01);
    }
}


# A connection, or undef when none is to be had.

sub dial($port) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or return undef;
    connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or return undef;
    fcntl($s, Fcntl::F_SETFL, Fcntl::O_NONBLOCK);

    return $s;
}


# Reads what there is: how many bytes; undef when the connection is over.

sub drain($s) {
    my $sum = 0;

    while (1) {
        my $n = sysread($s, my $bytes, 65536);

        return $!{EAGAIN} ? $sum : undef if !defined $n;
        return undef if $n == 0;

        $sum += $n;
    }
}


sub min($a, $b) { return $a < $b ? $a : $b }


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;

        $_->stop() for values %running;
        $? = $status;
    }
}


1;
