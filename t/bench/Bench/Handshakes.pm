# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What it costs to come over TLS 1.3: a connection, a handshake, whole or
# resumed, and a playlist (handshake.c), beside the same with nginx's own answer
# of about that size; and how a storm of such joins is met, at four fifths of
# what a core can do.

package Bench::Handshakes;

use v5.36;

use Bench;
use Bench::Node;
use Stentor::Crowd;

# What the twin answers, in bytes: a line of the playlist more or less is
# nothing beside a handshake.
my $BODY = 2600;

my @ROWS = (
    row('handshake-full', 'whole'),
    row('handshake-resumed', 'resumed', '-r'),
    { name => 'tls-storm', unit => 'ms', of => 'figure', limit => 2000,
      measure => 'joins over TLS at 80% of what a core can do: first audio,'
                 . ' p99', twin_is => 'nothing' },
);


sub row($name, $what, @args) {
    return { name => $name, args => \@args, unit => 'us', of => 'ratio',
             limit => 1.1, twin_is => 'return 200',
             measure => "CPU a TLS connection, $what, with a playlist" };
}


sub rows($class) { return @ROWS }


sub run($class, $o, @rows) {
    my $twin = 'location = /twin { return 200 "' . 'x' x $BODY . '"; }';
    my $node = Bench::Node->new(Bench::one_worker($o), window => '60s',
                                part_duration => $o->{part}, tls => 1,
                                connections => 19900, twins => $twin);

    Bench::build('push', 'handshake');
    my $push = Bench::broadcast($node, 'studio1');

    my %result = map {
        $_->{name} => Bench::tried($_->{args} ? \&beside : \&storm, $o,
                                   $node, $_);
    } @rows;

    Bench::end($push);
    $node->finish();

    return \%result;
}


sub beside($o, $node, $row) {
    my @paths = ('/live/studio1/audio.m3u8', '/twin');
    my (@rounds, @failed);

    for my $i (1 .. $o->{rounds}) {
        Bench::note("$row->{name}: round $i of $o->{rounds}");

        my %of = map { $_ => connections($o, $node, $_, @{ $row->{args} }) }
                 $i % 2 ? @paths : reverse(@paths);

        push(@rounds, [ @of{@paths} ]);
        push(@failed, map { $_->{errors} ? "$_->{errors} errors" : () }
                      values %of);
    }

    my ($us, $twin) = map {
        my $who = $_;
        Bench::median(map { $_->[$who]{us} } @rounds);
    } 0, 1;

    return {
        figure => $us, twin => $twin, rounds => \@rounds, failed => \@failed,
        ratio => Bench::spread(map { $_->[0]{us} / $_->[1]{us} } @rounds),
        notes => [ sprintf('a core can do %d a second; the client here did'
                           . ' %d, %d%% of them resumed', 1e6 / $us,
                           map { my $k = $_;
                                 Bench::median(map { $_->[0]{$k} } @rounds)
                           } qw(rate resumed)) ],
    };
}


sub connections($o, $node, $path, @args) {
    my ($pid) = $node->worker_pids();
    my ($before) = Bench::cpu_ns($pid);
    my $r = Bench::run('handshake', '-p', $node->port_tls(),
                       '-n', $o->{handshakes}, @args, $path);
    my ($after) = Bench::cpu_ns($pid);

    return { us => ($after - $before) / 1000 / $o->{handshakes},
             rate => $r->{good} / $r->{wall_s}, errors => $r->{errors},
             resumed => 100 * $r->{resumed} / ($r->{good} || 1) };
}


# Joins of the crowd's, each with a whole handshake, on one connection each.

sub storm($o, $node, $row) {
    my $us = connections($o, $node, '/twin')->{us};
    my $rate = int(0.8 * 1e6 / $us);
    my $n = $o->{storm} < 5 * $rate ? $o->{storm} : 5 * $rate;

    # it has to trust whom it asks
    local $ENV{SSL_CERT_FILE} = $node->authority();

    my $crowd = Stentor::Crowd->new(
        [ 'https://127.0.0.1:' . $node->port_tls() ], listeners => $n,
        rate => $rate, one_in => 100);

    Bench::later(sub { $crowd->end() });

    my $heard = $crowd->hears(60);
    my $seen = $crowd->end();

    return {
        figure => $seen->{start_ms}{p99}, failed => [
            $heard ? () : 'not all of them hear something',
            Bench::Listeners::wrong($seen),
        ],
        notes => [ sprintf('%d joins, %d a second, all of them heard %.1f s'
                           . ' after the first came; median %.0f ms', $n,
                           $rate, $heard ? $heard->{seconds} : -1,
                           $seen->{start_ms}{median}) ],
    };
}


1;
