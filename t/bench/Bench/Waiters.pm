# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Thousands who wait by a blocked playlist reload and nothing else (wake.c):
# how fast one part wakes them, what each of them keeps in a worker's memory,
# and whether four workers full of them stay as large as they are.

package Bench::Waiters;

use v5.36;

use JSON::PP ();
use Time::HiRes qw(time sleep);

use Bench;
use Bench::Node;

# A round in which they had asked less than that before the part, in ms, says
# nothing of those who wait.
my $MARGIN = 100;

# So often is looked at what they have, at the least.
my $SAMPLES = 20;

my @ROWS = (
    { name => 'wake', measure => 'all blocked reloads woken by one part: the'
          . ' last byte of the last answer, for each of them',
      unit => 'us', of => 'figure', limit => 25,
      twin_is => "the worker's CPU time for them" },
    { name => 'memory', measure => "a worker's own memory for one who waits",
      unit => 'kB', of => 'figure', limit => 5, twin_is => 'nothing' },
    { name => 'held', measure => 'four workers full of who wait: growth of'
          . ' their memory', unit => '%', of => 'figure', limit => 2,
      twin_is => 'nothing' },
);

my %RUN = (wake => \&wake, memory => \&memory, held => \&held);


sub rows($class) { return @ROWS }


sub run($class, $o, @rows) {
    Bench::build('wake');

    return { map { $_->{name} => Bench::tried($RUN{ $_->{name} }, $o) }
             @rows };
}


# Long parts: there is time to count those who wait.

sub long($o) {
    return (part_duration => $o->{long_part}, window => '150s',
            connections => 19900);
}


sub waiting($node) { return $node->status()->{hls}{waiters} }


sub wake($o) {
    my $node = Bench::Node->new(Bench::one_worker($o), long($o));
    my ($pid) = $node->worker_pids();
    my $n = $o->{waiters};

    Bench::note("wake: $n waiters");
    my $wake = waiters($node, $node->port_http(), 'bench', $n, '-w', $pid,
                       '-c', $o->{wakes});
    my @rounds = map { JSON::PP::decode_json($_) } readline($wake->{out});
    my $status = Bench::end($wake->{pid});
    $node->finish();

    my @good = grep { $_->{margin_ms} > $MARGIN } @rounds;
    my $last = Bench::spread(map { 1000 * $_->{last_ms} / $n } @good);

    return {
        figure => $last->{median}, rounds => \@rounds,
        twin => Bench::median(map { $_->{cpu_us} / $n } @good),
        failed => [ $status ? 'the waiters were not well' : (),
                    @good ? () : 'no round was a measurement' ],
        notes => [
            sprintf('%d waiters, %d rounds of %d; min %.1f, max %.1f us', $n,
                    scalar(@good), scalar(@rounds),
                    map { $_ // 0 } @$last{qw(min max)}),
            sprintf('the first answer after %.1f ms, the last after %.0f',
                    map { my $k = $_; Bench::median(map { $_->{$k} } @good)
                          // 0 } qw(first_ms last_ms)),
        ],
    };
}


# Starts so many who wait for a stream that they broadcast themselves.

sub waiters($node, $port, $name, $n, @args) {
    return Bench::spawn('wake', '-r', $node->port_rtmp(), '-p', $port,
                        '-s', $name, '-n', $n, @args);
}


# The difference between some and very many, so that what the first one takes
# along (a stream that is read, pages of the allocator's) is in neither.

sub memory($o) {
    my $node = Bench::Node->new(Bench::one_worker($o), long($o));
    my ($pid) = $node->worker_pids();
    my @n = (int($o->{waiters} / 15), $o->{waiters});
    my @seen;

    for my $n (@n) {
        Bench::note("memory: $n waiters");
        my $wake = waiters($node, $node->port_http(), 'bench', $n,
                           '-c', 1000);

        push(@seen, most($node, $pid, $n, $o->{wakes}));
        Bench::end($wake->{pid});
        $node->wait_until(sub { waiting($node) == 0 });
    }

    $node->finish();

    my ($kb, $files) = map {
        ($seen[1]{$_} - $seen[0]{$_}) / ($n[1] - $n[0])
    } qw(kb files);

    my @failed = map { $_->{failed} // () } @seen;

    return {
        figure => @failed ? undef : $kb, failed => \@failed,
        notes => [ sprintf('from %d to %d waiters', @n),
                   sprintf('%.2f descriptors each', $files),
                   "nginx's table of connections is not in it, nor what the"
                   . ' kernel keeps for a socket' ],
    };
}


# The most that the worker has while n wait, over some of their rounds.

sub most($node, $pid, $n, $rounds) {
    my %most = (kb => 0, files => 0);

    for (1 .. $rounds) {
        $node->wait_until(sub { waiting($node) == $n }, 60)
            or return { %most, failed => "never $n of them waited" };

        my ($kb, $files) = size($pid);
        $most{kb} = $kb if $kb > $most{kb};
        $most{files} = $files if $files > $most{files};

        # till they have been woken
        $node->wait_until(sub { waiting($node) < $n }, 60);
    }

    return \%most;
}


# Memory of a process that is its alone, kB, and its descriptors.

sub size($pid) {
    my ($kb) = Bench::slurp("/proc/$pid/smaps_rollup")
               =~ /^Pss_Anon:\s+(\d+) kB/m or die "no memory of $pid\n";
    my $files = () = glob("/proc/$pid/fd/*");

    return ($kb, $files);
}


# Workers keep parts for as long again after they have left the playlist: a
# short window is full, and what they have settled, before it is looked at.

sub held($o) {
    my $node = Bench::Node->new(long($o), segment_parts => 2, window => '48s',
                                workers => 4, ports => 3, zone => '128m',
                                log => 'warn');
    my @ports = ($node->port_http(), map { $node->port_more($_) } 0 .. 2);
    my $n = $o->{waiters};
    my $all = $n * @ports;

    my @wakes = map { waiters($node, $ports[$_], "bench$_", $n,
                              '-c', 1000000, '-t', $o->{held} + 300) }
                0 .. $#ports;

    $node->wait_until(sub { waiting($node) == $all }, 120);
    sleep($o->{fill});

    my @samples = samples($node, $all, $o->{held});
    my @dead = grep { waitpid($_->{pid}, POSIX::WNOHANG()) } @wakes;
    my $wakes = $node->status()->{hls}{wakes};
    Bench::end($_->{pid}) for @wakes;
    $node->finish();

    my @half = ([ splice(@samples, 0, @samples / 2) ], [ @samples ]);
    my ($kb, $files, $zone) = map {
        my $what = $_;
        [ map { my $half = $_; largest(map { $_->{$what} } @$half) } @half ]
    } qw(kb files zone);

    return {
        figure => $kb->[0] ? 100 * ($kb->[1] / $kb->[0] - 1) : undef,
        failed => [ @dead ? @dead . ' of the load processes ended' : (),
                    $kb->[0] ? () : "never $all of them waited",
                    $files->[1] > $files->[0] ? 'descriptors grow' : (),
                    $zone->[1] > $zone->[0] ? 'the zone fills' : () ],
        notes => [
            sprintf('%d waiters for %d s', $all, $o->{held}),
            sprintf('all workers together: %.1f MB in the first half,'
                    . ' %.1f in the second; descriptors %d, %d',
                    map({ $_ / 1024 } @$kb), @$files),
        ],
    };
}


# What the workers have, now and then, whenever all of them wait.

sub samples($node, $all, $seconds) {
    my @samples;
    my $until = time() + $seconds;

    while (time() < $until) {
        Bench::note(sprintf('held: %d s to go', $until - time()));

        my $status = $node->status();
        my %sum = (zone => -$status->{store}{free_bytes});

        if ($status->{hls}{waiters} == $all) {
            for my $pid ($node->worker_pids()) {
                my ($kb, $files) = size($pid);
                $sum{kb} += $kb;
                $sum{files} += $files;
            }

            push(@samples, \%sum);
        }

        sleep($seconds > $SAMPLES ? 1 : $seconds / $SAMPLES);
    }

    return @samples;
}


sub largest(@v) {
    return (sort { $b <=> $a } @v)[0] // 0;
}


1;
