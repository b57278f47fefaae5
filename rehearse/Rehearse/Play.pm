# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Plays a scenario: tells the crowds at each time what is to be, looks once a
# second how it goes, and makes the report of all that was seen.

package Rehearse::Play;

use v5.36;

use POSIX ();
use Time::HiRes qw(time sleep);

use Rehearse::Limits;

# What a player costs is told of the time when all have come, if that is so
# long, in seconds.
use constant SETTLED => 5;

# A second of work may be all of a core (a storm of TLS handshakes): busy is
# who is so for that long, in seconds.
use constant WINDOW => 3;


# new(scenario => .., crowds => .., server => .., listeners => 100% of them,
# progress => sub (text), or undef)

sub new($class, %o) {
    my $self = bless { %o, ran => [], heard => 0, most => 0, busiest => 0,
                       machine => [], windows => [] }, $class;
    my $s = $o{scenario};

    $self->{todo} = [
        sort { $a->{at} <=> $b->{at} }
        @{ $s->{events} },
        map { { at => $_->{from}, what => 'join', value => $_ } }
            @{ $s->{joins} }
    ];

    return $self;
}


# Plays it all; returns the report.

sub play($self) {
    my $s = $self->{scenario};
    my $start = time();
    my $looked = $start;

    $self->{stopped} = 0;
    local $SIG{INT} = sub { $self->{stopped} = 1 };
    local $SIG{TERM} = $SIG{INT};

    while (!$self->{stopped} && time() - $start < $s->{length}) {
        my $at = time() - $start;

        $self->happen(shift(@{ $self->{todo} }), $at)
            while @{ $self->{todo} } && $self->{todo}[0]{at} <= $at;

        if (time() - $looked >= 1) {
            $looked += 1;
            $self->look($at);
        }

        sleep(0.02);
    }

    $self->look(time() - $start);
    my $seen = $self->{crowds}->end();
    $_->{pid} && waitpid($_->{pid}, POSIX::WNOHANG()) for @{ $self->{ran} };

    return $self->report($seen, time() - $start);
}


sub happen($self, $what, $at) {
    my ($name, $value) = @$what{qw(what value)};

    if ($name eq 'join') {
        my $n = int($value->{share} * $self->{listeners} + 0.5);
        my $mix = $value->{mix} // $self->{scenario}{players};

        $self->{crowds}->come($n, $value->{to} - $value->{from}, $mix,
                              $value->{rising});
        return;
    }

    $self->progress(sprintf("%4.0f s  %s %s", $at, $name, $value));

    if ($name eq 'run') {
        push(@{ $self->{ran} }, { at => $at, command => $value,
                                  pid => run($value) });
        return;
    }

    $self->{crowds}->say(sprintf('%s %.0f', $name, 1000 * $value));
}


sub run($command) {
    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    exec('/bin/sh', '-c', $command) or POSIX::_exit(127);
}


sub progress($self, $text) {
    $self->{progress} && $self->{progress}->($text);
}


# How it goes, and what is only known while it does.

sub look($self, $at) {
    my $seen = $self->{crowds}->look();
    my $now = time();

    $self->{server}->look();
    $self->machine();

    # what the server did is for those who had come by then
    $self->{heard} += $seen->{playing} * ($now - $self->{last})
        if defined $self->{last};
    $self->{last} = $now;
    $self->{most} = $seen->{joined} if $seen->{joined} > $self->{most};

    my $cpu = 0;
    $cpu += $_->{cpu_s} for @{ $seen->{processes} };
    push(@{ $self->{costs} }, { at => $at, heard => $self->{heard},
                                tool => $cpu,
                                server => $self->{server}->cpu() });

    push(@{ $self->{windows} }, [ $now, map { $_->{cpu_s} }
                                        @{ $seen->{processes} } ]);
    shift(@{ $self->{windows} }) while @{ $self->{windows} } > 2
                                 && $now - $self->{windows}[1][0] >= WINDOW;
    $self->busy();

    $self->progress(sprintf(
        "%4.0f s  %d came, %d listen, %d silent; %d stalls, %d errors",
        $at, @$seen{qw(joined playing silent stalls)}, errors($seen)));
}


# What has been used since all had come: {heard (listener-seconds), tool,
# server (s)}.

sub cost($self) {
    my @costs = @{ $self->{costs} };
    my ($last_join) = sort { $b <=> $a }
                      map { $_->{to} } @{ $self->{scenario}{joins} };
    my ($first) = grep { $_->{at} >= $last_join + 1 } @costs;

    $first = $costs[0] if !$first
                          || $costs[-1]{at} - $first->{at} < SETTLED;
    return { map { $_ => $costs[-1]{$_} - $first->{$_} }
                 qw(heard tool server) };
}


# The busiest process of the last seconds, in % of a core.

sub busy($self) {
    my ($first, $last) = @{ $self->{windows} }[0, -1];
    my $took = $last->[0] - $first->[0];

    return if $took < WINDOW - 0.5;

    for my $k (1 .. $#$last) {
        my $busy = 100 * ($last->[$k] - $first->[$k]) / $took;
        $self->{busiest} = $busy if $busy > $self->{busiest};
    }
}


# How busy all cores of this machine are: the tool's lateness may be that of
# others.

sub machine($self) {
    open(my $f, '<', '/proc/stat') or return;
    my @t = split(' ', readline($f) // '');
    my $all = 0;
    $all += $_ for @t[1 .. 8];

    my $now = [ $all, $t[4] + $t[5] ];
    $self->{machine_first} //= $now;
    $self->{machine_last} = $now;
}


sub errors($seen) {
    my $n = 0;
    $n += $_ for values %{ $seen->{errors} };
    return $n;
}


sub report($self, $seen, $took) {
    my $s = $self->{scenario};
    my $cost = $self->cost();
    my ($cpu, $rss) = (0, 0);

    for my $p (@{ $seen->{processes} }) {
        $cpu += $p->{cpu_s};
        $rss += $p->{rss_kb};
    }

    # it was too short to look at a part of it
    $self->{busiest} ||= 100 * $cpu / $took / @{ $seen->{processes} };

    my %players = map { $_ => $seen->{$_} }
                  grep { !/^(?:edges|aside|processes)$/ } keys %$seen;

    # who hears nothing at the end has a stall that is not over
    $players{failures} = errors($seen);
    $players{stalls} += $seen->{silent};
    $players{longest_stall_ms} = $seen->{longest_silent_ms}
        if $seen->{longest_silent_ms} > $seen->{longest_stall_ms};

    my ($first, $last) = @$self{qw(machine_first machine_last)};
    my $ticks = $first ? $last->[0] - $first->[0] : 0;

    my $r = {
        scenario => $s->{name}, title => $s->{title},
        listeners => $self->{listeners}, seconds => $took,
        stopped => $self->{stopped}, players => \%players,
        others => $seen->{aside}, edges => $seen->{edges},
        ran => [ map { { at => $_->{at}, command => $_->{command} } }
                     @{ $self->{ran} } ],
        server => $self->{server}->report($cost, $self->{most}),
        tool => {
            processes => scalar(@{ $seen->{processes} }),
            cpu_s => $cpu, rss_kb => $rss, busiest => $self->{busiest},
            listener_seconds => $self->{heard},
            cpu_us => $cost->{heard} > 0
                      ? 1e6 * $cost->{tool} / $cost->{heard} : undef,
            machine => $ticks ? 100 - 100 * ($last->[1] - $first->[1])
                                      / $ticks : undef,
        },
    };

    $r->{limits} = [ Rehearse::Limits::judge($r, @{ $s->{limits} }) ];
    $r->{pass} = (grep { defined $_->{ok} && !$_->{ok} } @{ $r->{limits} })
                 || $self->{stopped} ? 0 : 1;

    return $r;
}


1;
