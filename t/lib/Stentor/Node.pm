# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# One real nginx with the module in it, in a directory of its own: writes the
# configuration, starts it, tells its status, reloads, kills a worker, stops
# it and says whether its logs are clean.  Every test owns the nodes it makes;
# an END block ends, by pid, what a dying test left behind.
#
# Environment: STENTOR_NGINX, STENTOR_MODULE ("none": built in), STENTOR_ASAN
# (preload libasan; ASAN_OPTIONS and the like pass through), STENTOR_KEEP
# (keep the directory), CI (a missing program is a failure, not a skip).

package Stentor::Node;

use v5.36;

use Cwd ();
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More ();
use Time::HiRes qw(time sleep);

use Stentor::HTTP;

our $TOP = Cwd::realpath(__FILE__ =~ s{[^/]*$}{}r . '../../..');
our $TSAN_MODULE = "$TOP/build/tsan/ngx_stentor_module.so";
our $PATIENCE = 30;

my %running;
my @locks;


# Skips the test for a user, fails it in CI, when a program is not there.

sub need(@programs) {
    for my $p (@programs) {
        next if which($p);
        die "needs $p, and CI is set\n" if $ENV{CI};
        Test::More::plan(skip_all => "needs $p");
    }
}


# Whether what a part of a test needs is there: without it that part is to be
# skipped, for a user; in CI it fails.

sub has($there, $what) {
    die "needs $what, and CI is set\n" if !$there && $ENV{CI};
    return $there;
}


sub which($program) {
    return -x $program ? $program : undef if $program =~ m{/};

    for my $dir (split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/sbin') {
        return "$dir/$program" if -x "$dir/$program";
    }

    return undef;
}


# A port, of TCP or UDP, that nobody else here uses: its number is locked by
# holding the other protocol's socket of the same number for as long as this
# process lives.

sub free_port($proto = 'tcp') {
    my %socket = (tcp => [Proto => 'tcp', Listen => 1, ReuseAddr => 1],
                  udp => [Proto => 'udp']);
    my $other = $proto eq 'tcp' ? 'udp' : 'tcp';

    for (1 .. 500) {
        my $port = 20000 + int(rand(10000));

        my ($lock, $probe) = map {
            IO::Socket::INET->new(@{ $socket{$_} },
                                  LocalAddr => "127.0.0.1:$port")
        } $other, $proto;

        next if !$lock || !$probe;

        close($probe);
        push(@locks, $lock);
        return $port;
    }

    die "no free port in 20000-29999\n";
}


# new(%o) starts a node and returns when it answers.  Sizes and times as in
# nginx.conf: workers, part_duration, segment_parts, window, grace, linger,
# zone; log (error_log level), connections (of a worker), reuseport (each
# worker its own socket), slow_threads (new threads begin up to so many ms
# late), slow_loop (its event loops are so many ms late, and threads wait as
# long as there is the node's file slow), slow_disk (it does not answer as long
# as there is that file), disk => [directory, mount options] (a tmpfs of its
# own, see disk()),
# hosts => lines of an /etc/hosts of its own (see may_mount()),
# clock => seconds (its wall clock is libfaketime's, so far off: set_clock()),
# tsan => 1 (it runs under ThreadSanitizer: Stentor::Tsan); snippets: main,
# events, stentor, application, stream_server, http, http_server, location;
# plain => 1 leaves Stentor out; expected => lines (a regex) that are no dirt
# in its log; faults => a table of Stentor::Fault, by which it runs into them;
# srt => [parameters, ...] has SRT ports; dir, rtmp, http_port and
# srt_ports instead of those that are chosen.

sub new($class, %o) {
    my $self = $class->prepare(%o);
    $self->start();

    return $self;
}


sub prepare($class, %o) {
    my $self = bless {
        workers => 2,
        part_duration => '200ms',
        segment_parts => 6,
        window => '15s',
        grace => '400ms',
        linger => '2s',
        zone => '32m',
        log => 'info',
        connections => 2048,
        killed => {},
        %o,
    }, $class;

    $self->{nginx} = which($ENV{STENTOR_NGINX} // 'nginx') or die "no nginx\n";
    $self->{dir} //= File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1);
    File::Path::make_path("$self->{dir}/temp");
    chmod(0755, $self->{dir});
    $self->{rtmp} //= free_port();
    $self->{http_port} //= free_port();
    $self->{srt_ports} //= [ map { free_port('udp') } @{ $self->{srt} // [] } ];

    $self->write_conf();
    $self->set_clock($self->{clock}) if defined $self->{clock};

    return $self;
}


# What nginx -t says to a configuration: (its exit status, the text).

sub check($class, %o) {
    my $self = $class->prepare(%o);
    my $dir = $self->{dir};

    local %ENV = (%ENV, $self->environment());
    my $command = "$self->{nginx} -t -p $dir -e $dir/error.log"
                  . " -c $dir/nginx.conf 2>&1";
    my $said = `$command`;
    my $rc = $? >> 8;

    File::Path::remove_tree($dir);

    return ($rc, $said);
}


# Whether this nginx knows a directive, which stands in the snippets given: an
# evening, or a benchmark, of an older version does without.

sub knows($class, $directive, %o) {
    my (undef, $said) = $class->check(%o);
    return $said !~ /unknown directive "\Q$directive\E"/;
}


# What nginx needs in its environment.

sub environment($self) {
    my @preload;

    # libasan has to find what libsrt throws with before libsrt is there
    chomp(@preload = map { scalar(`gcc -print-file-name=$_`) }
                     qw(libasan.so libstdc++.so.6)) if $ENV{STENTOR_ASAN};
    push(@preload, slow('threads')) if $self->{slow_threads};
    push(@preload, slow('loop')) if $self->{slow_loop};
    push(@preload, slow('disk')) if $self->{slow_disk};
    push(@preload, libtsan()) if $self->{tsan};
    push(@preload, libfaketime()) if defined $self->{clock};
    push(@preload, $Stentor::Fault::PRELOAD) if $self->{faults};

    return (LD_PRELOAD => join(' ', @preload),
            STENTOR_FAULT => $self->{faults} ? $self->{faults}->path() : '',
            SLOW_THREADS => $self->{slow_threads} // 0,
            $self->{slow_loop} ? (SLOW_LOOP => $self->{slow_loop},
                                  SLOW_WAITS => "$self->{dir}/slow") : (),
            $self->{slow_disk} ? (SLOW_DISK => "$self->{dir}/slow") : (),
            defined $self->{clock} ? $self->clock_environment() : (),
            ASAN_OPTIONS => $ENV{ASAN_OPTIONS} // 'detect_leaks=0',
            TSAN_OPTIONS => "exitcode=0 history_size=4 "
                            . "log_path=$self->{dir}/tsan");
}


sub libtsan() {
    chomp(my $so = `gcc -print-file-name=libtsan.so`);
    return Cwd::realpath($so);
}


# Of Debian's package libfaketime; undef: it is not there.

sub libfaketime() {
    return (glob('/usr/lib/*/faketime/libfaketimeMT.so.1'))[0];
}


# Only the wall clock is another one.

sub clock_environment($self) {
    return (FAKETIME_TIMESTAMP_FILE => "$self->{dir}/clock",
            FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1,
            FAKETIME_DONT_RESET => 1);
}


# Its wall clock jumps: it is so many seconds off from now on.

sub set_clock($self, $seconds) {
    $self->{clock} = $seconds;
    spew("$self->{dir}/clock.new", sprintf("%+d\n", $seconds));
    rename("$self->{dir}/clock.new", "$self->{dir}/clock")
        or die "clock: $!\n";
}


# What time it is by that.

sub wall($self) { return time() + ($self->{clock} // 0) }


# The library that makes threads, event loops or a disk slow, built when it is
# not there.

sub slow($what) {
    my $so = "$TOP/build/t/slow_$what.so";
    my $c = "$TOP/t/lib/slow_$what.c";

    return $so if -e $so && -M $so < -M $c;

    File::Path::make_path("$TOP/build/t");
    system("cc -shared -fPIC -o $so.$$ $c -ldl") == 0 or die "no $so\n";
    rename("$so.$$", $so) or die "$so: $!\n";

    return $so;
}


sub port_rtmp($self) { return $self->{rtmp} }
sub port_http($self) { return $self->{http_port} }
sub port_srt($self, $n = 0) { return $self->{srt_ports}[$n] }
sub dir($self) { return $self->{dir} }


sub url($self, $path) {
    return "http://127.0.0.1:$self->{http_port}$path";
}


sub push_url($self, $name, $app = 'live') {
    return "rtmp://127.0.0.1:$self->{rtmp}/$app/$name";
}


# Of the nth SRT port.

sub srt_url($self, $n = 0) {
    return "srt://127.0.0.1:$self->{srt_ports}[$n]";
}


# The first lines: which modules, and as whom the workers run.

sub conf_main($self) {
    my $v = `$self->{nginx} -V 2>&1`;
    my $c = '';

    my $module = $self->{tsan} ? $TSAN_MODULE
                 : $self->{faults} ? $Stentor::Fault::MODULE
                 : $ENV{STENTOR_MODULE} // "$TOP/build/ngx_stentor_module.so";

    if (!$self->{plain} && $module ne 'none') {
        die "no $module: run make first\n" if !-e $module;
        $module = Cwd::realpath($module);

        my ($path) = $v =~ /--modules-path=(\S+)/;
        $c .= "load_module $path/ngx_stream_module.so;\n"
            if $v =~ /--with-stream=dynamic/ && defined $path;
        $c .= "load_module $module;\n";
    }

    $c .= "user root;\n" if $> == 0;

    # which it looks at whenever it is asked for the time
    my %clock = defined $self->{clock} ? $self->clock_environment() : ();
    $c .= "env $_;\n" for sort keys %clock;

    return $c;
}


sub conf_stentor($self) {
    my %o = %$self;
    my $lines = join('', map { "        $_ $o{$_};\n" }
        grep { defined $o{$_} }
        qw(part_duration segment_parts window grace linger));
    my $srt = join("\n    ", map {
        "srt 127.0.0.1:$o{srt_ports}[$_] $o{srt}[$_];"
    } 0 .. $#{ $o{srt_ports} });

    return <<"END";
stentor {
    zone $o{zone};
    @{[ $o{stentor} // '' ]}
    $srt
    application live {
$lines
        @{[ $o{application} // '' ]}
    }
}

stream {
    @{[ $o{stream} // '' ]}
    server {
        listen 127.0.0.1:$o{rtmp}@{[ $o{reuseport} ? ' reuseport' : '' ]};
        stentor_rtmp;
        @{[ $o{stream_server} // '' ]}
    }
}
END
}


sub conf_http($self) {
    my %o = %$self;
    my $dir = $o{dir};
    my $temp = join('', map { "    ${_}_temp_path $dir/temp;\n" }
                    qw(client_body proxy fastcgi uwsgi scgi));

    my $ours = $o{plain} ? '' : <<"END";
        location /live/ {
            stentor_hls;
            @{[ $o{location} // '' ]}
        }
        location = /status { stentor_status; }
        location = /metrics { stentor_status prometheus; }
        location /control/ { stentor_control; }
END

    return <<"END";
http {
$temp
    access_log $dir/access.log;
    keepalive_requests 100000;
    @{[ $o{http} // '' ]}
    server {
        listen 127.0.0.1:$o{http_port}@{[ $o{reuseport} ? ' reuseport' : '' ]};
        add_header X-Worker \$pid always;
$ours
        @{[ $o{http_server} // '' ]}
    }
}
END
}


sub write_conf($self) {
    my %o = %$self;

    my $conf = $self->conf_main() . <<"END";
daemon off;
pid $o{dir}/nginx.pid;
error_log $o{dir}/error.log $o{log};
worker_processes $o{workers};
@{[ $o{main} // '' ]}

events {
    worker_connections $o{connections};
    @{[ $o{events} // '' ]}
}

END

    $conf .= $self->conf_stentor() if !$o{plain};
    $conf .= $self->conf_http();

    spew("$o{dir}/nginx.conf", $conf);
}


sub start($self) {
    my $dir = $self->{dir};
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        $self->exec_nginx();
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    my $deadline = time() + $PATIENCE;
    my $path = $self->{plain} ? '/' : '/status';

    while (time() < $deadline) {
        if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
            delete $running{$pid};
            die "nginx ended at its start:\n" . $self->log()
                . $self->stderr();
        }

        my $r = eval { Stentor::HTTP::get($self->{http_port}, $path) };
        return if $r && $self->{plain};
        return if $r && $r->{status} == 200 && $self->all_workers($r);

        sleep(0.01);
    }

    die "nginx is not ready after $PATIENCE s:\n" . $self->log();
}


# Whether a status says that every worker is up, not just the one that answers,
# and all have the names that they are found by.

sub all_workers($self, $r) {
    my @pids = $self->worker_pids();

    return JSON::PP::decode_json($r->{body})->{workers} >= $self->{workers}
           && @pids >= $self->{workers};
}


sub exec_nginx($self) {
    my $dir = $self->{dir};

    # the port locks and the test's output stay with the test
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>>', "$dir/stderr");
    open(STDERR, '>>', "$dir/stderr");
    POSIX::setpgid(0, 0);

    %ENV = (%ENV, $self->environment());

    my @disk = $self->{disk} ? ('unshare', '-m', 'sh', '-c',
        'mount -t tmpfs -o "$1" tmpfs "$0" && shift && exec "$@"',
        @{ $self->{disk} }) : ();

    my @hosts = defined $self->{hosts} ? ('unshare', '-m', 'sh', '-c',
        'mount --bind "$0" /etc/hosts && exec "$@"', "$dir/hosts") : ();

    spew("$dir/hosts", $self->{hosts}) if @hosts;

    exec(@disk, @hosts, $self->{nginx}, '-p', $dir, '-e', "$dir/error.log",
         '-c', "$dir/nginx.conf") or POSIX::_exit(127);
}


# Whether there can be a disk, or a file, for nginx only: that takes root.

sub may_mount() {
    return system('unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null') == 0;
}


# Where the node's disk is, for who is not the node; with a command: does that
# to it (umount, mount -o ...).

sub disk($self, @command) {
    return "/proc/$self->{pid}/root$self->{disk}[0]" if !@command;

    system('nsenter', '-m', '-t', $self->{pid}, @command,
           $self->{disk}[0]) == 0 or die "@command: $?\n";
}


# One request on a connection of its own; see Stentor::HTTP for the answer.

sub get($self, $path, %headers) {
    return Stentor::HTTP::get($self->{http_port}, $path, %headers);
}


sub http($self, %o) {
    return Stentor::HTTP->new($self->{http_port}, %o);
}


# Asks for a stream to be opened or closed: an answer as of get(), and its JSON
# decoded as json.

sub control($self, $verb, $stream) {
    my $c = $self->http();
    $c->post("/control/$verb", JSON::PP::encode_json({ stream => $stream }));
    my $r = $c->response() // die "no answer to $verb\n";

    return { %$r, json => eval { JSON::PP::decode_json($r->{body}) } };
}


# The decoded status.

sub status($self) {
    my $r = $self->get('/status');
    die "status answers $r->{status}\n" if $r->{status} != 200;
    return JSON::PP::decode_json($r->{body});
}


# The status entry of one stream, undef when there is none.

sub stream($self, $name, $status = $self->status()) {
    my ($st) = grep { $_->{name} eq $name } @{ $status->{streams} };
    return $st;
}


# Polls the status until test->(status) is true and returns that status; at
# the deadline (seconds) fails the test named what and returns undef.

sub wait_status($self, $test, $seconds = $PATIENCE, $what = 'status') {
    my $deadline = time() + $seconds;
    my $status;

    while (time() < $deadline) {
        $status = eval { $self->status() };
        return $status if $status && $test->($status);
        sleep(0.01);
    }

    Test::More::fail("wait: $what");
    Test::More::diag(JSON::PP->new->pretty->canonical->encode($status // {}));
    $self->tell_log();

    return undef;
}


# What the log has that it should not have, and its end: once, for what fails
# later often follows from what failed first.

sub tell_log($self, $lines = 20) {
    return if $self->{log_told}++;

    my @log = split(/\n/, $self->log());
    my $from = @log > $lines ? @log - $lines : 0;

    Test::More::diag(join("\n", 'dirt:', $self->dirt(), 'end of the log:',
                          @log[$from .. $#log]));
}


# The same for one stream: test->(its entry or undef).

sub wait_stream($self, $name, $test, $seconds = $PATIENCE, $what = $name) {
    return $self->wait_status(sub ($s) {
        return $test->($self->stream($name, $s));
    }, $seconds, $what);
}


# Pids of the workers that accept (all: also of those shutting down).

sub worker_pids($self, $all = 0) {
    my @pids;

    for my $stat (glob('/proc/[0-9]*/stat')) {
        my $line = slurp($stat) // next;
        my ($pid, $ppid) = $line =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        next if $ppid != $self->{pid};

        my $name = slurp("/proc/$pid/cmdline") // next;
        next if $name !~ /nginx: worker process/;
        next if $name =~ /shutting down/ && !$all;

        push(@pids, $pid);
    }

    return sort { $a <=> $b } @pids;
}


sub wait_until($self, $test, $seconds = $PATIENCE) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        my $rc = $test->();
        return $rc if $rc;
        sleep(0.005);
    }

    return undef;
}


# HUP; returns when only new workers accept.

sub reload($self) {
    my %old = map { $_ => 1 } $self->worker_pids();

    kill('HUP', $self->{pid});

    my $ok = $self->wait_until(sub {
        my @now = $self->worker_pids();
        return @now == $self->{workers} && !grep { $old{$_} } @now;
    });

    die "no new workers after HUP:\n" . $self->log() if !$ok;

    # a new worker has run its init when it answers
    $self->wait_until(sub { eval { $self->status() } }) if !$self->{plain};

    return $self->worker_pids();
}


# Kills one worker (the pid given, or the first) and waits for its successor.

sub kill_worker($self, $signal, $pid = undef) {
    my @before = $self->worker_pids();
    $pid //= $before[0];

    $self->{killed}{$pid} = 1;
    kill($signal, $pid);

    my $ok = $self->wait_until(sub {
        my @now = $self->worker_pids();
        return @now >= @before && !grep { $_ == $pid } @now;
    });

    Test::More::diag("worker $pid has no successor") if !$ok;

    return $pid;
}


# Seconds of CPU that a process has had, all its threads.

sub cpu($pid) {
    my @f = split(' ', slurp("/proc/$pid/stat") =~ s/.*\)//r);
    return ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


# Resident memory of all workers, in bytes.

sub worker_memory($self) {
    my $sum = 0;

    for my $pid ($self->worker_pids(1)) {
        my $s = slurp("/proc/$pid/status") // next;
        $sum += 1024 * $1 if $s =~ /^RssAnon:\s+(\d+) kB/m;
    }

    return $sum;
}


# QUIT (a worker that owns streams stays for their linger time), TERM when
# that is not enough; true when the signal asked for was.

sub stop($self, $signal = 'QUIT', $seconds = $PATIENCE) {
    my $pid = $self->{pid} // return 1;

    kill($signal, $pid);
    my $graceful = $self->reap($seconds);

    if (!$graceful) {
        kill('TERM', $pid);
        $self->reap(3) or do {
            $self->{killed}{$_} = 1 for $self->worker_pids(1);
            kill('KILL', $self->worker_pids(1), $pid);
            $self->reap(5);
        };
    }

    return $graceful;
}


sub reap($self, $seconds) {
    my $pid = $self->{pid} // return 1;

    my $ended = $self->wait_until(sub {
        return waitpid($pid, POSIX::WNOHANG()) != 0;
    }, $seconds);

    if ($ended) {
        delete $running{$pid};
        delete $self->{pid};
    }

    return $ended;
}


# All of its processes die at once; start() begins it anew.

sub kill_it($self) {
    kill('KILL', $self->{pid}, $self->worker_pids(1));
    return $self->reap(5);
}


sub log($self) { return slurp("$self->{dir}/error.log") // '' }
sub stderr($self) { return slurp("$self->{dir}/stderr") // '' }


# Lines of the logs that no run may leave behind.

sub dirt($self) {
    my @bad;

    for my $line (split(/\n/, $self->log() . $self->stderr())) {
        next if $line !~ /\[(?:alert|emerg|crit)\]|exited\ on\ signal
                          |exited\ with\ fatal|Sanitizer|runtime\ error:/x;
        next if $line =~ /process (\d+) exited on signal 9/
                && $self->{killed}{$1};
        next if $self->{expected} && $line =~ $self->{expected};
        push(@bad, $line);
    }

    return @bad;
}


# The end of every test: stops the node and asserts that its logs are clean.
# TERM instead of QUIT where streams linger for long.

sub done($self, $signal = 'QUIT') {
    Test::More::ok($self->stop($signal), 'node stops when asked')
        or Test::More::diag("directory kept: $self->{dir}");

    my @bad = $self->dirt();

    Test::More::is(scalar(@bad), 0, 'logs are clean')
        or Test::More::diag(join("\n", @bad[0 .. min($#bad, 20)],
                                 "directory kept: $self->{dir}"));

    my $ok = Test::More->builder->is_passing();
    File::Path::remove_tree($self->{dir}) if $ok && !$ENV{STENTOR_KEEP};

    return $ok;
}


sub min($a, $b) { return $a < $b ? $a : $b }


sub slurp($path) {
    open(my $f, '<:raw', $path) or return undef;
    local $/;
    return scalar(<$f>);
}


sub spew($path, $bytes) {
    open(my $f, '>:raw', $path) or die "$path: $!\n";
    print {$f} $bytes;
    close($f) or die "$path: $!\n";
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;

        for my $node (values %running) {
            kill('TERM', $node->{pid});
            $node->reap(3) or do {
                kill('KILL', $node->worker_pids(1), $node->{pid});
                $node->reap(3);
            };
            Test::More::diag("directory kept: $node->{dir}");
        }

        $? = $status;
    }
}


1;
