# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What low-latency listeners cost one worker and what they get: a crowd of
# them (Stentor::Crowd), each with a blocked reload and a part a part's time.
# Beside them, at the same time and on the same core, as many have a server
# that only holds and releases (bare.c), with the same parts.

package Bench::Listeners;

use v5.36;

use Time::HiRes qw(time sleep);

use Bench;
use Bench::Node;
use Stentor::Crowd;

my @ROWS = (
    { name => 'listeners-1s', part => '1s', share => 1, unit => 'us',
      measure => 'CPU a listener and second, parts of 1 s, HTTP/1.1',
      of => 'figure', limit => 30, twin_is => 'a server that only holds' },
    { name => 'listeners-200ms', part => '200ms', share => 0.3, unit => 'us',
      measure => 'CPU a listener and second, parts of 200 ms, HTTP/1.1',
      of => 'figure', limit => 150, twin_is => 'a server that only holds' },
    { name => 'growth-listeners', unit => 'us', of => 'ratio', limit => 1.15,
      measure => 'CPU a listener and second of all that one worker can have',
      twin_is => 'few listeners' },
    { name => 'most', unit => 'ms', of => 'figure', limit => 250,
      measure => 'all that one worker can have: how late a part is, p99',
      twin_is => 'a server that only holds' },
    { name => 'storm', unit => 'ms', of => 'figure', limit => 1000,
      measure => 'very many join in 2 s, some listen: first audio, p99',
      twin_is => 'nothing' },
);

my %RUN = (
    'listeners-1s' => \&beside, 'listeners-200ms' => \&beside,
    'growth-listeners' => \&growth, most => \&most, storm => \&storm,
);

# One in so many compares the bytes of its parts with what others got.
my $COMPARE = 100;

# Where crowds come from.  From one address a connect() looks for a free port
# through all that are taken, once some ten thousand are: for milliseconds.
my $FROM = join(',', map { "127.0.1.$_" } 1 .. 8);


sub rows($class) { return @ROWS }


sub run($class, $o, @rows) {
    my %result;

    Bench::build('push', 'bare');

    for my $row (@rows) {
        Bench::note($row->{name});
        $result{ $row->{name} } = Bench::tried($RUN{ $row->{name} }, $o, $row);
    }

    return \%result;
}


sub start($o, $part = $o->{part}) {
    my $node = Bench::Node->new(Bench::one_worker($o), part_duration => $part,
                                window => '60s', connections => 19900);
    my $push = Bench::broadcast($node, 'studio1');

    $node->wait_until(sub {
        my $st = $node->stream('live/studio1');
        return $st && $st->{state} eq 'live';
    }) or die "the broadcaster is not heard\n";

    return ($node, $push);
}


# A crowd at a port, once all of it hears something.

sub crowd($port, $n, $rate) {
    my $crowd = Stentor::Crowd->new([ $port ], listeners => $n, from => $FROM,
                                    rate => $rate, one_in => $COMPARE);

    Bench::later(sub { $crowd->end() });
    $crowd->hears(120) or die "not all of the crowd hears something\n";

    return $crowd;
}


sub beside($o, $row) {
    my ($node, $push) = start($o, $row->{part});
    my ($bare_port, $bare) = bare($o, $node);
    my ($pid) = $node->worker_pids();
    my $n = int($o->{listeners} * $row->{share});

    my @crowds = map { crowd($_, $n, $o->{rate}) }
                 $node->port_http(), $bare_port;
    my @rounds = map { measure($o, $n, $pid, $bare) } 1 .. $o->{intervals};
    my @seen = map { $_->end() } @crowds;

    Bench::end($_) for $push, $bare;
    $node->finish();

    return {
        figure => Bench::median(map { $_->[0] } @rounds),
        twin => Bench::median(map { $_->[1] } @rounds),
        ratio => Bench::spread(map { $_->[0] / $_->[1] } @rounds),
        rounds => \@rounds, failed => [ map { wrong($_) } @seen ],
        notes => [ sprintf('%d listeners of each; %d stalls here, %d there',
                           $n, map { $_->{stalls} } @seen) ],
    };
}


# Starts the bare server on the worker's core with what the node sends.

sub bare($o, $node) {
    my $list = $node->get('/live/studio1/audio.m3u8')->{body};
    my ($init) = $list =~ /#EXT-X-MAP:URI="([^"]+)"/;
    my ($part) = reverse($list =~ /#EXT-X-PART:.*?URI="([^"]+)"/g);
    my $port = Stentor::Node::free_port();

    my @files = map {
        my $path = $node->dir() . '/' . s{.*/}{}r;
        Stentor::Node::spew($path, $node->get("/live/studio1/$_")->{body});
        $path;
    } $init, $part;

    return ($port, Bench::publish('bare', '-a', $o->{'worker-core'},
                                  '-p', $port, '-l', length($list), @files));
}


# CPU time a listener and second, us, of each process over the same time.

sub measure($o, $n, @pids) {
    my ($t, @before) = (time(), map { (Bench::cpu_ns($_))[0] } @pids);
    sleep($o->{seconds});
    my ($took, @after) = (time() - $t, map { (Bench::cpu_ns($_))[0] } @pids);

    return [ map { ($after[$_] - $before[$_]) / 1000 / $n / $took }
             0 .. $#pids ];
}


# What may never be, or was no answer.

sub wrong($seen) {
    my $e = $seen->{errors};
    my @errors = map { "$_: $e->{$_}" } grep { $e->{$_} } sort keys %$e;

    return @errors ? 'errors: ' . join(', ', @errors) : ();
}


# Few, and then all that there can be: what is more of them than of the few
# comes on top.

sub growth($o, $row) {
    my ($node, $push) = start($o);
    my ($pid) = $node->worker_pids();
    my @n = ($o->{few}, $o->{most});
    my (@us, @crowds);

    for my $n (@n) {
        my $more = $n - (@crowds ? $n[0] : 0);
        push(@crowds, crowd($node->port_http(), $more, $o->{rate}));
        push(@us, [ map { measure($o, $n, $pid)->[0] } 1 .. $o->{intervals} ]);
    }

    my @seen = map { $_->end() } @crowds;
    Bench::end($push);
    $node->finish();

    my ($few, $most) = map { Bench::median(@$_) } @us;

    return {
        figure => $most, twin => $few,
        ratio => { median => $most / $few,
                   min => Bench::spread(@{ $us[1] })->{min} / $few,
                   max => Bench::spread(@{ $us[1] })->{max} / $few },
        failed => [ map { wrong($_) } @seen ],
        notes => [ sprintf('%d listeners beside %d', @n[1, 0]) ],
    };
}


# What is late here and at the bare server, one after the other: how long after
# the first of them had a part the last had it follows from what each of them
# costs, and from nothing else.

sub most($o, $row) {
    my ($node, $push) = start($o);
    my ($bare_port, $bare) = bare($o, $node);
    my ($seen, $there) = map { lateness($o, $_) } $node->port_http(),
                                                  $bare_port;

    Bench::end($_) for $push, $bare;
    $node->finish();

    return {
        figure => $seen->{age_ms}{p99}, twin => $there->{late_ms}{p99},
        failed => [ wrong($seen),
                    $seen->{stalls} ? "$seen->{stalls} stalls" : () ],
        notes => [ sprintf('%d listeners, %d parts; median %.0f ms, max %.0f;'
                           . ' after the first: p99 %.0f ms, there %.0f',
                           $o->{most}, $seen->{parts},
                           @{ $seen->{age_ms} }{qw(median max)},
                           map { $_->{late_ms}{p99} } $seen, $there) ],
    };
}


sub lateness($o, $port) {
    my $crowd = crowd($port, $o->{most}, $o->{rate});

    $crowd->mark();
    sleep($o->{seconds} * $o->{intervals});

    my $seen = $crowd->mark();
    $crowd->end();

    return $seen;
}


# All of the storm comes in two seconds.

sub storm($o, $row) {
    my ($node, $push) = start($o);
    my @n = ($o->{listen}, $o->{storm});
    my $listens = crowd($node->port_http(), $n[0], $o->{rate});

    $listens->mark();
    my $joins = crowd($node->port_http(), $n[1], $n[1] / 2);
    my @seen = ($listens->look(), $joins->look());
    $_->end() for $joins, $listens;
    Bench::end($push);
    $node->finish();

    return {
        figure => $seen[1]{start_ms}{p99}, failed => [
            map({ wrong($_) } @seen),
            $seen[0]{stalls} ? "$seen[0]{stalls} stalls of who listened" : (),
        ],
        notes => [ sprintf('%d join, %d listen; first audio: median %.0f ms,'
                           . ' max %.0f', @n[1, 0],
                           @{ $seen[1]{start_ms} }{qw(median max)}) ],
    };
}


1;
