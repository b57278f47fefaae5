# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What the benchmarks share: builds their C tools and runs them, keeps a
# broadcaster up, and knows how to read the worker's CPU clock and the
# machine's state.  Their node is in Bench/Node.pm.

package Bench;

use v5.36;

use Cwd ();
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time sleep);

our $TOP;

BEGIN {
    $TOP = Cwd::realpath(__FILE__ =~ s{[^/]*$}{}r . '../..');
    unshift(@INC, "$TOP/t/lib");
}

our $BUILD = "$TOP/build/bench";

my @CFLAGS = ('-std=c11', '-D_GNU_SOURCE', '-O2', '-g', '-Wall', '-Wextra',
              '-Werror', "-I$TOP/segmenter", "-I$TOP/rehearse",
              "-I$TOP/t/bench");
my @HTTP = qw(bench_http.c ../../rehearse/crowd_http.c);
my %TOOLS = (
    load => ['load.c', @HTTP],
    push => [qw(push.c bench_push.c ../../segmenter/stn_buf.c), @HTTP],
    latency => [qw(latency.c bench_push.c ../../segmenter/stn_buf.c), @HTTP],
    srt_push => [qw(srt_push.c)],
    wake => [qw(wake.c bench_push.c ../../segmenter/stn_buf.c
                ../../rehearse/crowd_hls.c), @HTTP],
    bare => [qw(bare.c)],
    handshake => ['handshake.c', @HTTP],
);

# What is not built here, but by make: the rehearsal's tool.
my %MADE = (crowd => 'rehearse');

# What pkg-config knows of those that want more than libc.
my %LIBRARIES = (srt_push => 'srt', handshake => 'libssl');

my %children;
my @undo;


# Builds the tools that are older than their sources.

sub build(@names) {
    my $cc = $ENV{CC} // 'cc';

    mkdir("$TOP/build");
    mkdir($BUILD);

    for my $name (@names) {
        if ($MADE{$name}) {
            local $ENV{MAKEFLAGS};      # not a part of the make around it
            system('make', '-s', '-C', $TOP, $MADE{$name}) == 0
                or die "cannot make $MADE{$name}\n";
            next;
        }

        my @sources = map { "$TOP/t/bench/$_" } @{ $TOOLS{$name} };
        my @all = (@sources, glob("$TOP/t/bench/*.h $TOP/rehearse/*.h"));
        my $built = (stat("$BUILD/$name"))[9] // 0;
        next if !grep { (stat($_))[9] >= $built } @all;

        my @flags = $LIBRARIES{$name} ? library($LIBRARIES{$name}) : ();
        system($cc, @CFLAGS, '-o', "$BUILD/$name", @sources, @flags) == 0
            or die "cannot build $BUILD/$name\n";
    }
}


sub library($name) {
    my $flags = `pkg-config --cflags --libs $name`;
    die "pkg-config knows no $name\n" if $?;
    return split(' ', $flags);
}


# Runs a tool and returns its JSON; dies when it could not even begin.

sub run($name, @args) {
    open(my $out, '-|', "$BUILD/$name", @args) or die "$name: $!\n";
    local $/;
    my $json = <$out>;
    close($out);

    die "$name failed: exit status " . ($? >> 8) . "\n"
        if !length($json // '');

    return JSON::PP::decode_json($json);
}


# What a program of the system says; dies when it is not there.

sub said(@command) {
    open(my $out, '-|', @command) or die "$command[0]: $!\n";
    local $/;
    my $said = <$out> // '';
    close($out);

    return $said;
}


# The cores that this process may run on.

sub cores() {
    my ($list) = slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\S+)/m;
    return map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split(/,/, $list // '0');
}


# Keeps this process, and what it starts from now on, on one core.

sub pin($core) {
    said('taskset', '-cp', $core, $$);
    die "no core $core\n" if $?;
}


# What a node of one worker on its own core is told.

sub one_worker($o) {
    return (workers => 1, zone => '64m', log => 'warn',
            main => sprintf('worker_cpu_affinity %b;',
                            1 << $o->{'worker-core'}));
}


# What a row's function returns, or that it has died: the others go on, without
# what it has left behind.

sub tried($function, @args) {
    my $kept = @undo;
    my $result = eval { $function->(@args) }
                 // { failed => [ $@ =~ s/\s+$//r ], notes => [] };

    while (@undo > $kept) {
        my $undo = pop(@undo);
        eval { $undo->() };
    }

    return $result;
}


# What is to be called when the row is over; without effect if nothing is left.

sub later($undo) { push(@undo, $undo) }


sub note($text) {
    print STDERR "$text\n" if -t STDERR;
}


# Starts a broadcaster of app/name; returns its pid once it is accepted.

sub broadcast($node, $name, @args) {
    return publish('push', @args, $node->port_rtmp(), 'live', $name);
}


# Starts a tool that says so when all that it publishes is accepted; returns
# its pid then.

sub publish($tool, @args) {
    my $child = spawn($tool, @args);
    my $line = readline($child->{out}) // '';
    die "the broadcaster was not accepted\n" if $line ne "published\n";

    return $child->{pid};
}


# Starts a tool; returns its pid and what it says (out).

sub spawn($tool, @args) {
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if ($pid == 0) {
        exec("$BUILD/$tool", @args) or POSIX::_exit(127);
    }

    $children{$pid} = $out;
    later(sub { end($pid) });

    return { pid => $pid, out => $out };
}


# Ends a tool that was started, unless it has ended; returns its exit status,
# undef when it was ended.

sub end($pid) {
    my $out = delete $children{$pid} or return;
    kill('TERM', $pid);
    close($out);

    return $? & 127 ? undef : $? >> 8;
}


END {
    my $status = $?;
    end($_) for keys %children;
    $? = $status;
}


# CPU time of a worker in ns: of its first thread, which is the event loop,
# and of all its threads together.

sub cpu_ns($pid) {
    my ($loop, $all) = (undef, 0);

    for my $path (glob("/proc/$pid/task/*/schedstat")) {
        my ($ns) = split(' ', slurp($path)) or next;
        $all += $ns;
        $loop = $ns if $path =~ m{/task/$pid/};
    }

    die "no schedstat of $pid: the kernel must count CPU time\n"
        if !defined $loop;

    return ($loop, $all);
}


# Steal and total ticks of one core, to tell a disturbed run.

sub ticks($core) {
    open(my $f, '<', '/proc/stat') or return (0, 1);
    my ($line) = grep { /^cpu$core / } <$f>;
    my @t = split(' ', $line // '');
    my $sum = 0;
    $sum += $_ for @t[1 .. 8];
    return ($t[8] // 0, $sum || 1);
}


sub machine() {
    my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my ($load) = split(' ', slurp('/proc/loadavg'));
    my (undef, undef, $release, undef, $arch) = POSIX::uname();
    my $cores = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;

    return {
        cpu => $model // $arch, cores => $cores, kernel => $release,
        load_before => $load + 0,
    };
}


sub slurp($path) {
    open(my $f, '<', $path) or return '';
    local $/;
    return scalar(<$f>) // '';
}


sub median(@v) {
    @v = sort { $a <=> $b } @v;
    return undef if !@v;
    return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}


sub spread(@v) {
    @v = sort { $a <=> $b } @v;
    return { median => median(@v), min => $v[0], max => $v[-1] };
}


1;
