# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a rehearsal sees of the server: when it is on this machine, the CPU
# time and memory of its workers, by the pid of the master; from anywhere, the
# counts of its status.

package Rehearse::Server;

use v5.36;

use HTTP::Tiny ();
use JSON::PP ();
use POSIX ();

my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());


# new(pid => of the master, status => URL), both optional.

sub new($class, %o) {
    my $self = bless { %o, cpu => {}, counts => {} }, $class;

    die "there is no process $o{pid}\n"
        if $o{pid} && !-d "/proc/$o{pid}";

    $self->look();
    $self->{cpu_before} = $self->cpu();
    $self->{memory_before} = $self->{memory} = $self->memory();

    return $self;
}


# Workers come and go: what each has used is kept.

sub look($self) {
    if ($self->{pid}) {
        $self->{cpu}{$_->[0]} = $_->[1] for $self->workers();

        my $memory = $self->memory();
        $self->{memory} = $memory if $memory > ($self->{memory} // 0);
    }

    $self->{status} && $self->look_status();
}


sub look_status($self) {
    my $r = HTTP::Tiny->new(timeout => 2)->get($self->{status});
    my $hls = $r->{success}
              && (eval { JSON::PP::decode_json($r->{content}) } // {})->{hls};

    for my $k (qw(listeners connections trying waiters)) {
        my $n = ($hls || {})->{$k} // next;
        my $count = $self->{counts}{$k} //= { most => 0 };

        $count->{last} = $n;
        $count->{most} = $n if $n > $count->{most};
    }
}


# [pid, seconds of CPU] of each, the master among them.

sub workers($self) {
    my @found;

    for my $path (glob('/proc/[0-9]*/stat')) {
        open(my $f, '<', $path) or next;
        my ($pid, $rest) = (readline($f) // '') =~ /^(\d+) \(.*\) (.*)/s
            or next;
        my @v = split(' ', $rest);

        push(@found, [ $pid, ($v[11] + $v[12]) / $TICKS ])
            if $pid == $self->{pid} || $v[1] == $self->{pid};
    }

    return @found;
}


sub cpu($self) {
    my $sum = 0;
    $sum += $_ for values %{ $self->{cpu} };
    return $sum;
}


# Bytes of the workers' own.

sub memory($self) {
    my $sum = 0;

    for my $worker ($self->{pid} ? $self->workers() : ()) {
        open(my $f, '<', "/proc/$worker->[0]/status") or next;
        my ($kb) = join('', <$f>) =~ /^RssAnon:\s+(\d+) kB/m or next;
        $sum += 1024 * $kb;
    }

    return $sum;
}


# For what Rehearse::Play's cost() says, and so many who came, players and bots.

sub report($self, $cost, $came) {
    my $r = { counts => $self->{counts}, cpu_us => undef, kb => undef };

    if ($self->{pid} && $cost->{heard} > 0 && $came > 0) {
        $r->{cpu_s} = $self->cpu() - $self->{cpu_before};
        $r->{cpu_us} = 1e6 * $cost->{server} / $cost->{heard};
        $r->{kb} = ($self->{memory} - $self->{memory_before}) / 1024
                   / $came;
    }

    return $r;
}


1;
