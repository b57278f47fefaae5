# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The processes of a rehearsal (rehearse/crowd.c), each with its share of the
# listeners: starts them, tells them what is to be, asks them now and then how
# it goes, and adds up what they say.

package Rehearse::Crowds;

use v5.36;

use IPC::Open2 ();
use JSON::PP ();
use POSIX ();

# Descriptors that a process needs for itself, and listeners that it takes.
use constant { SPARE => 100, MOST => 18000 };


# new(tool => path, all => how many in all, connections => of them, edges =>
# [..], args => [..], processes => at least)

sub new($class, %o) {
    my $files = POSIX::sysconf(POSIX::_SC_OPEN_MAX());
    my $most = $files - SPARE < MOST ? $files - SPARE : MOST;

    die "a process may have only $files descriptors: ulimit -n\n"
        if $most < 1;

    my $n = POSIX::ceil($o{connections} / $most);
    $n = $o{processes} if ($o{processes} // 0) > $n;

    # what does not divide evenly may fall on one process more than once
    my $each = POSIX::ceil($o{all} / $n) + 32;
    my $self = bless { crowds => [], joined => 0 }, $class;

    for my $k (0 .. $n - 1) {
        my $pid = IPC::Open2::open2(my $out, my $in, $o{tool}, '-i',
            '-r', 0, '-n', $each > MOST ? MOST : $each, '-o', $k * $each,
            @{ $o{args} }, @{ $o{edges} });

        push(@{ $self->{crowds} }, { pid => $pid, in => $in, out => $out,
                                     cpu => 0 });
    }

    return $self;
}


sub count($self) { return scalar(@{ $self->{crowds} }) }


# A line to all.

sub say($self, $line) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($_->{in}, ":$line\n") for @{ $self->{crowds} };
}


# So many come, divided as evenly as may be.

sub come($self, $n, $seconds, $mix, $rising) {
    local $SIG{PIPE} = 'IGNORE';
    my $crowds = $self->{crowds};
    my $kinds = join(',', map { "$_=$mix->{$_}" } sort keys %$mix);

    for my $k (0 .. $#$crowds) {
        # who got one less before gets one more now
        my ($from, $to) = map { int($_ * ($k + 1) / @$crowds)
                                - int($_ * $k / @$crowds) }
                          $self->{joined}, $self->{joined} + $n;

        syswrite($crowds->[$k]{in}, sprintf(":join %d %d %s%s\n",
                 $to - $from, 1000 * $seconds, $kinds,
                 $rising ? ' rising' : ''));
    }

    $self->{joined} += $n;
}


# How it goes, in all so far.

sub look($self) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($_->{in}, 'l') for @{ $self->{crowds} };
    return $self->sum();
}


# The end: what has been.

sub end($self) {
    kill('TERM', $_->{pid}) for @{ $self->{crowds} };
    my $sum = $self->sum();
    waitpid($_->{pid}, 0) for @{ $self->{crowds} };
    $self->{crowds} = [];
    return $sum;
}


sub DESTROY($self) {
    local ($?, $!);

    for my $crowd (@{ $self->{crowds} }) {
        kill('KILL', $crowd->{pid});
        waitpid($crowd->{pid}, 0);
    }
}


sub sum($self) {
    my $sum = {};

    for my $crowd (@{ $self->{crowds} }) {
        my $said = JSON::PP::decode_json(readline($crowd->{out})
                       // die "a process of the crowd has died\n");

        push(@{ $sum->{processes} }, { pid => $crowd->{pid},
            map { $_ => $said->{$_} } qw(cpu_s rss_kb joined seconds) });
        add($sum, $said);
    }

    percentiles($sum, $_) for grep { /_ms$/ && ref($sum->{$_}) } keys %$sum;

    return $sum;
}


# Adds numbers, takes the largest of "longest", joins histograms.

sub add($sum, $said) {
    for my $k (keys %$said) {
        my $v = $said->{$k};

        if ($k eq 'edges') {
            add($sum->{edges}[$_] //= { host => $v->[$_]{host} }, $v->[$_])
                for 0 .. $#$v;

        } elsif ($k eq 'seconds' || $k =~ /^longest/) {
            $sum->{$k} = $v if $v >= ($sum->{$k} // 0);

        } elsif ($k eq 'host' || $k eq 'port') {
            $sum->{$k} = $v;

        } elsif (ref($v) && exists $v->{n}) {
            histogram($sum, $k, $v);

        } elsif (ref($v)) {
            add($sum->{$k} //= {}, $v);

        } elsif (defined $v) {
            $sum->{$k} += $v;
        }
    }
}


sub histogram($sum, $k, $v) {
    my $h = $sum->{$k} //= { n => 0, min => $v->{min}, max => $v->{max} };

    $h->{n} += $v->{n};
    $h->{min} = $v->{min} if $v->{min} < $h->{min};
    $h->{max} = $v->{max} if $v->{max} > $h->{max};
    $h->{bins}{ $_->[0] } += $_->[1] for @{ $v->{bins} // [] };
}


sub percentiles($sum, $k) {
    my $h = $sum->{$k};
    my $bins = delete $h->{bins} or return;

    for my $at ([ median => 0.5 ], [ p90 => 0.9 ], [ p99 => 0.99 ]) {
        my ($want, $n) = (int($h->{n} * $at->[1]), 0);

        for my $ms (sort { $a <=> $b } keys %$bins) {
            $n += $bins->{$ms};
            next if $n <= $want;

            $h->{ $at->[0] } = $ms < $h->{min} ? $h->{min}
                               : $ms > $h->{max} ? $h->{max} : $ms + 0;
            last;
        }
    }
}


1;
