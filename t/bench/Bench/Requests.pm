# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What one request costs the worker, beside nginx's own `return 200` with a
# body of the same size: one worker, alone on a core; the load generator and
# the broadcaster on another; both asked with the same request headers over
# keep-alive connections of the same kind, in turn, many short rounds in one
# run, so that whatever the machine does happens to both.  HTTP/1.1 is asked by
# load.c, which compares bodies byte by byte, TLS and HTTP/2 by h2load.

package Bench::Requests;

use v5.36;

use Time::HiRes qw(sleep);

use Bench;
use Bench::Node;

# Two sizes of parts: nearly 128 kbit/s for a second, and 4 kB for 200 ms.  With
# its head the larger one is 16 kB: a few bytes more are another TLS record, and
# the longer of two heads would cost what no server can help.
my %SIZES = (
    '16k' => { part => '1s', frame => 332 },
    '4k' => { part => '200ms', frame => 430 },
);

# What is asked for; "same": a part never changes, so each body is compared
# with the first one.
my %KINDS = (
    part => { same => 1, path => \&newest_part },
    playlist => { path => sub ($node) { '/live/bench/audio.m3u8' } },
    gzip => { path => sub ($node) { '/live/bench/audio.m3u8' },
              headers => { 'Accept-Encoding' => 'gzip' } },
    std => { path => sub ($node) { '/live/bench/audio-std.m3u8' } },
);

my %OVER = (http => 'HTTP/1.1', tls => 'HTTP/1.1, TLS 1.3', h2 => 'HTTP/2');

my @ROWS = (
    row('part-16k', 'http', 'part', '16k', 1.1),
    row('part-4k', 'http', 'part', '4k', 1.1),
    row('playlist', 'http', 'playlist', '16k', 1.15),
    row('playlist-gzip', 'http', 'gzip', '16k', 1.15),
    row('playlist-std', 'http', 'std', '16k', 1.15),
    row('tls-part-16k', 'tls', 'part', '16k', 1.1),
    row('tls-part-4k', 'tls', 'part', '4k', 1.1),
    row('tls-playlist', 'tls', 'playlist', '16k', 1.1),
    row('h2-part-16k', 'h2', 'part', '16k', 1.1),
    row('h2-part-4k', 'h2', 'part', '4k', 1.1),
    row('h2-playlist', 'h2', 'playlist', '16k', 1.1),
);

# nginx reads its configuration through a buffer of 4096 bytes, the upper
# bound of one parameter.
my $TOKEN = 4000;

# How far from a body its twin may be, in bytes.
my $STEP = 8;

# Frames of the broadcaster's in a part that is all his, at the least.
my $LIVE = 8;

# From which difference, as a part of the body, the table says so.
my $OFF = 0.03;

# h2load's connections: few, since their handshakes are in its figures.
my $H2LOAD = 8;


sub row($name, $over, $kind, $size, $limit) {
    my $what = $kind eq 'part' ? "part of $size" : "playlist $kind";
    $what =~ s/playlist playlist/playlist/;

    return { name => $name, over => $over, kind => $kind, size => $size,
             measure => "CPU a request, $what, $OVER{$over}", unit => 'us',
             twin_is => 'return 200', of => 'ratio', limit => $limit };
}


sub rows($class) { return @ROWS }


# run(options, rows of this file): a result for each, by its name.

sub run($class, $o, @rows) {
    my %result;

    Bench::build('load', 'push');

    for my $size (sort keys %SIZES) {
        my @these = grep { $_->{size} eq $size } @rows or next;
        my $got = Bench::tried(sub {
            return { sized($o, $SIZES{$size}, @these) };
        });

        $result{ $_->{name} } = $got->{ $_->{name} } // $got for @these;
    }

    return \%result;
}


sub sized($o, $size, @rows) {
    my %bodies = bodies($o, $size, @rows);
    my @twins = twins(%bodies);

    my ($node, $push) = start($o, $size, join('', map { twin($_) } @twins));
    my ($pid) = $node->worker_pids();

    my %rounds;

    for my $i (1 .. $o->{rounds}) {
        for my $row (@rows) {
            Bench::note("$row->{name}: round $i of $o->{rounds}");
            push(@{ $rounds{ $row->{name} } },
                 round($o, $node, $pid, $row, $i, @twins));
        }
    }

    Bench::end($push);
    $node->finish();

    return map { $_->{name} => result($_, @{ $rounds{ $_->{name} } }) } @rows;
}


sub start($o, $size, $twins) {
    my $node = Bench::Node->new(
        Bench::one_worker($o), part_duration => $size->{part},
        window => '60s', twins => $twins, tls => 1);
    my $push = Bench::broadcast($node, 'bench', '-f', $size->{frame});

    settle($node);

    return ($node, $push);
}


# Waits until the newest two parts are the broadcaster's from end to end: a
# stream is born with a window of other audio, in frames of other sizes.  His
# are filled with one byte, and all his parts have one size.

sub settle($node) {
    my $ok = $node->wait_until(sub {
        my @parts = map { $node->get("/live/bench/$_")->{body} }
                    eval { newest_parts($node) };

        my $frames = () = ($parts[-1] // '') =~ /(.)\1{199}/sg;

        return $frames >= $LIVE && length($parts[-1]) == length($parts[-2]);
    }, 30);

    die "the broadcaster is not heard\n" if !$ok;
}


# The URIs of the last two parts in the playlist, the newest last.

sub newest_parts($node) {
    my $r = $node->get('/live/bench/audio.m3u8');
    my @uris = $r->{body} =~ /^#EXT-X-PART:.*?URI="([^"]+)"/mg;
    die "not two parts in the playlist\n" if @uris < 2;
    return @uris[-2, -1];
}


sub newest_part($node) {
    return '/live/bench/' . (newest_parts($node))[-1];
}


# The sizes each kind of body had over some more than one segment.

sub bodies($o, $size, @rows) {
    my ($node, $push) = start($o, $size, '');
    my %kinds = map { $_->{kind} => 1 } @rows;
    my %bodies;

    for (my ($seen, $last) = (0, ''); $seen < $o->{parts_seen}; ) {
        my $part = newest_part($node);

        if ($part eq $last) {
            sleep(0.02);
            next;
        }

        ($seen, $last) = ($seen + 1, $part);
        $bodies{$_}{ body($node, $KINDS{$_}) } = 1 for keys %kinds;
    }

    Bench::end($push);
    $node->finish();

    return %bodies;
}


sub body($node, $kind) {
    my $path = $kind->{path}->($node);
    my $r = $node->get($path, %{ $kind->{headers} // {} });

    die "$path: status $r->{status}\n" if $r->{status} != 200;

    return length($r->{body});
}


# About every size that was seen, and some around: a longer live edge, a number
# with one more digit.

sub twins(%bodies) {
    my %want;

    for my $kind (keys %bodies) {
        my @s = sort { $a <=> $b } keys %{ $bodies{$kind} };
        my ($low, $high) = ($s[0] - 32, $s[-1] + ($kind eq 'part' ? 32 : 160));

        for (my $n = $low; $n <= $high; $n += $STEP) {
            $want{$n} = 1 if $n > 0;
        }

        $want{$_} = 1 for @s;
    }

    return sort { $a <=> $b } keys %want;
}


# The cheapest way in which nginx answers n bytes from its configuration: a
# constant; above the size of a parameter, constants set and then joined.

sub twin($n) {
    my $head = "location = /twin/$n { default_type audio/mp4; ";

    return $head . 'return 200 "' . filler($n) . "\"; }\n" if $n <= $TOKEN;

    my ($set, $join, $left) = ('', '', $n);

    for (my $i = 0; $left > 0; $i++) {
        my $take = $left < $TOKEN ? $left : $TOKEN;
        $set .= "set \$twin$i \"" . filler($take) . '"; ';
        $join .= "\$twin$i";
        $left -= $take;
    }

    return "$head${set}return 200 $join; }\n";
}


sub filler($n) {
    my $line = join('', 'a' .. 'z', 'A' .. 'Z', 0 .. 9);
    return substr($line x ($n / length($line) + 1), 0, $n);
}


# A kind and its twin; who goes first changes from round to round.

sub round($o, $node, $pid, $row, $i, @twins) {
    my $kind = $KINDS{ $row->{kind} };
    my $size = body($node, $kind);
    my ($twin) = sort { abs($a - $size) <=> abs($b - $size) } @twins;

    my @ask = (
        [ 'ours', $kind->{path}->($node) ],
        [ 'twin', "/twin/$twin" ],
    );

    @ask = reverse(@ask) if $i % 2 == 0;
    push(@ask, [ 'file', file($node, $twin) ]) if $row->{kind} eq 'part';

    return { map { $_->[0] => measure($o, $node, $pid, $row, $_->[1]) } @ask };
}


# A static file of that size, in the page cache because just written.

sub file($node, $size) {
    my $path = $node->dir() . "/file-$size.m4s";
    Stentor::Node::spew($path, filler($size)) if !-e $path;
    return "/file-$size.m4s";
}


sub measure($o, $node, $pid, $row, $path) {
    my @before = Bench::cpu_ns($pid);
    my $r = $row->{over} eq 'http' ? load($o, $node, $row, $path)
                                   : h2load($o, $node, $row, $path);
    my @after = Bench::cpu_ns($pid);
    my ($loop, $all) = map { ($after[$_] - $before[$_]) / 1000 } 0, 1;

    return { %$r, us => $loop / $o->{requests}, path => $path,
             us_all_threads => $all / $o->{requests},
             busy => $loop / 1e6 / $r->{wall_s} };
}


sub load($o, $node, $row, $path) {
    my $kind = $KINDS{ $row->{kind} };
    my %h = %{ $kind->{headers} // {} };

    return Bench::run('load', '-p', $node->port_http(),
                      '-n', $o->{requests}, '-c', $o->{connections},
                      $kind->{same} ? '-e' : (),
                      (map { ('-H', "$_: $h{$_}") } sort keys %h), $path);
}


sub h2load($o, $node, $row, $path) {
    my $h2 = $row->{over} eq 'h2';
    my $port = $h2 ? $node->port_h2() : $node->port_tls();
    my $said = Bench::said('h2load', $h2 ? () : '--h1', '-m', 1,
                           '-n', $o->{requests}, '-c', $H2LOAD,
                           "https://127.0.0.1:$port$path");

    my ($wall, $unit) = $said =~ /^finished in ([\d.]+)(us|ms|s),/m
        or die "h2load failed:\n$said\n";
    die "not TLS 1.3:\n$said\n" if $said !~ /^TLS Protocol: TLSv1.3$/m;

    my ($good) = $said =~ /^status codes: (\d+) 2xx/m;
    my ($head, $body) = $said =~ /, \S+ \((\d+)\) headers.*, \S+ \((\d+)\) data/
        or die "h2load says no bytes:\n$said\n";

    $wall *= { s => 1, ms => 1e-3, us => 1e-6 }->{$unit};
    my $errors = $o->{requests} - $good;

    return { wall_s => $wall, rate => $o->{requests} / $wall,
             errors => $errors, reason => $errors ? 'not all are 2xx' : '',
             body_bytes => $body / $o->{requests},
             head_bytes => $head / $o->{requests} };
}


# One row over all rounds.

sub result($row, @rounds) {
    my %median = map {
        my $who = $_;
        $who => { map {
            my $what = $_;
            $what => Bench::median(map { $_->{$who}{$what} } @rounds);
        } qw(us us_all_threads rate body_bytes head_bytes busy) };
    } grep { $rounds[0]{$_} } qw(ours twin file);

    my ($off) = sort { $b <=> $a } map {
        abs($_->{ours}{body_bytes} - $_->{twin}{body_bytes})
    } @rounds;

    my @notes = (sprintf('%.0f bytes; %.0f a second',
                         @{ $median{ours} }{qw(body_bytes rate)}));
    push(@notes, sprintf('static file %.2f us', $median{file}{us}))
        if $median{file};
    push(@notes, sprintf('its twin was up to %d bytes off', $off))
        if $off > $OFF * $median{ours}{body_bytes};

    return {
        figure => $median{ours}{us}, twin => $median{twin}{us},
        ratio => Bench::spread(map { $_->{ours}{us} / $_->{twin}{us} }
                               @rounds),
        failed => [ map { "$_->{path}: $_->{errors} errors, $_->{reason}" }
                    grep { $_->{errors} } map { values %$_ } @rounds ],
        notes => \@notes, median => \%median, rounds => \@rounds,
    };
}


1;
