# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a node has in use at a moment: its processes' memory, descriptors and
# threads by /proc, the rest by its status.  Old workers, those of a reload
# that still have something to do, are told apart from those that accept.

package Stentor::Gauge;

use v5.36;

use File::Find ();
use POSIX ();

use Stentor::Node;

my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());


# Processes of some nodes, by one look at /proc: { pid of a master => [{pid,
# old: whether it shuts down, age in seconds}] }, the oldest first.

sub workers() {
    my ($up) = split(' ', Stentor::Node::slurp('/proc/uptime'));
    my %of;

    for my $path (glob('/proc/[0-9]*/stat')) {
        my $line = Stentor::Node::slurp($path) // next;
        my ($pid, $rest) = $line =~ /^(\d+) \(nginx\) \S (.*)/s or next;
        my @field = split(' ', $rest);
        my $name = Stentor::Node::slurp("/proc/$pid/cmdline") // next;

        next if $name !~ /nginx: worker process/;
        push(@{ $of{ $field[0] } },
             { pid => $pid, old => $name =~ /shutting down/ ? 1 : 0,
               age => $up - $field[18] / $TICKS });
    }

    @$_ = sort { $b->{age} <=> $a->{age} } @$_ for values %of;

    return \%of;
}


# One process: kB of its own (anonymous: neither files nor shared memory; what
# it still has in common with its master counts), resident, and its share;
# descriptors: sockets, eventfds and others; threads.  Undef when it is gone.

sub process($pid) {
    my $memory = Stentor::Node::slurp("/proc/$pid/smaps_rollup") // return;
    my $status = Stentor::Node::slurp("/proc/$pid/status") // return;
    my %p = (sockets => 0, eventfds => 0, files => 0);

    @p{qw(own rss pss)} = map { $memory =~ /^$_:\s+(\d+) kB/m ? $1 : 0 }
                          qw(Anonymous Rss Pss);
    ($p{threads}) = $status =~ /^Threads:\s+(\d+)/m;

    for my $fd (glob("/proc/$pid/fd/*")) {
        my $what = readlink($fd) // next;
        $p{ $what =~ /^socket:/ ? 'sockets'
            : $what =~ /eventfd/ ? 'eventfds' : 'files' }++;
    }

    return \%p;
}


# All of one node: of what workers() has found of it.

sub node($node, $of) {
    my @workers = @{ $of->{ $node->{pid} } // [] };
    my @old = grep { $_->{old} } @workers;
    my $master = process($node->{pid}) // {};
    my %row = (
        workers => scalar(@workers), old => scalar(@old),
        old_age => @old ? $old[0]{age} : 0,
        master_own => $master->{own}, master_rss => $master->{rss},
        master_fds => sum(@$master{qw(sockets eventfds files)}),
        cpu => cpu($node, map { $_->{pid} } @workers),
    );

    my @all = map { process($_->{pid}) // () } @workers;
    my @now = map { process($_->{pid}) // () } grep { !$_->{old} } @workers;

    $row{sockets} = sum(map { $_->{sockets} } @all);
    $row{rss} = max(map { $_->{rss} } @now);
    $row{pss} = sum($master->{pss}, map { $_->{pss} } @all);

    for my $key (qw(worker_own files eventfds threads)) {
        my $of_one = $key =~ s/^worker_//r;
        $row{$key} = sum(map { $_->{$of_one} } @now);
    }

    return { %row, said($node) };
}


# The status of a node that is loaded, {} of another one.

sub said($node) {
    return () if $node->{plain};

    my $s = eval { $node->status() } // return ();
    my $figures = ($s->{verdict} // {})->{figures} // {};

    return (zone => ($s->{store}{zone_bytes} - $s->{store}{free_bytes}) / 1024,
            streams => $s->{store}{streams},
            open => $figures->{open},
            listeners => $s->{hls}{listeners},
            sessions => $s->{ingest}{sessions});
}


# Seconds of CPU that a node has had: those who have ended are in their
# master's account.

sub cpu($node, @workers) {
    my $ticks = 0;

    for my $pid ($node->{pid}, @workers) {
        my $line = Stentor::Node::slurp("/proc/$pid/stat") // next;
        my @f = split(' ', $line =~ s/.*\)//sr);
        $ticks += sum(@f[11 .. ($pid == $node->{pid} ? 14 : 12)]);
    }

    return $ticks / $TICKS;
}


# Bytes of all files below a directory, and how many there are.

sub disk($dir) {
    my ($bytes, $files) = (0, 0);

    File::Find::find({ no_chdir => 1, wanted => sub {
        my @st = lstat($_) or return;
        $bytes += 512 * $st[12];
        $files++ if -f _;
    } }, $dir);

    return ($bytes, $files);
}


sub sum(@v) { my $s = 0; $s += $_ // 0 for @v; return $s }
sub max(@v) { my $m = 0; $_ > $m and $m = $_ for @v; return $m }


1;
