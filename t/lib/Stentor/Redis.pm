# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A real redis-server, or a Sentinel, in a directory of its own: started with
# what a test needs (a password, users, little memory, a replica), frozen,
# killed, started again with nothing in it.  Tests ask it as any client would,
# on a connection of their own.

package Stentor::Redis;

use v5.36;

use File::Path ();
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_STREAM);
use Test::More ();
use Time::HiRes qw(time sleep);

use Stentor::Node;

our $TIMEOUT = $Stentor::Node::PATIENCE;

my %running;


# new(%o) starts one and returns when it answers: socket => 1 (a Unix socket
# besides the port), password => 'secret' (of the default user), options =>
# [lines of redis.conf], replica_of => another one, dir, port; authority => one,
# certificate => [its path, the key's]: TLS on another port, where clients need
# a certificate of theirs with clients => 'yes'.

sub new($class, %o) {
    my $self = $class->prepare(%o);
    $self->start();

    return $self;
}


# The same, not started: what it will listen to is known.

sub prepare($class, %o) {
    my $self = bless { options => [], %o }, $class;
    my $dir = $self->{dir}
              //= File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1);

    File::Path::make_path($dir);
    $self->{port} //= Stentor::Node::free_port();
    $self->{path} = "$dir/redis.sock" if $o{socket};
    $self->{sentinel} //= 0;
    $self->{tls_port} //= Stentor::Node::free_port() if $o{certificate};

    Stentor::Node::spew("$dir/redis.conf", $self->conf());

    return $self;
}


# A Sentinel that watches master => a server by the name 'stentor', alone:
# quorum 1; down_after => ms without an answer.

sub sentinel($class, %o) {
    return $class->new(%o, sentinel => 1);
}


sub conf($self) {
    my %o = %$self;
    my @lines = ("port $o{port}", 'bind 127.0.0.1', "dir $o{dir}",
                 "logfile $o{dir}/redis.log", 'daemonize no');

    push(@lines, "tls-port $o{tls_port}",
         "tls-ca-cert-file $o{authority}{pem}",
         "tls-cert-file $o{certificate}[0]", "tls-key-file $o{certificate}[1]",
         'tls-auth-clients ' . ($o{clients} // 'no')) if $o{certificate};

    if ($o{sentinel}) {
        my $down = $o{down_after} // 500;
        my $port = $o{master}{tls_port} // $o{master}{port};

        push(@lines, 'tls-replication yes') if $o{master}{tls_port};
        push(@lines, "sentinel monitor stentor 127.0.0.1 $port 1",
             "sentinel down-after-milliseconds stentor $down",
             'sentinel failover-timeout stentor 3000');
        push(@lines, "sentinel auth-pass stentor $o{master}{password}")
            if defined $o{master}{password};

    } else {
        push(@lines, 'save ""', 'appendonly no', 'repl-diskless-sync-delay 0');
        push(@lines, "unixsocket $o{path}") if $o{path};
        push(@lines, "requirepass $o{password}", "masterauth $o{password}")
            if defined $o{password};
        push(@lines, "replicaof 127.0.0.1 $o{replica_of}{port}")
            if $o{replica_of};
    }

    return join("\n", @lines, @{ $o{options} }) . "\n";
}


sub start($self) {
    my $program = $self->{sentinel} ? 'redis-sentinel' : 'redis-server';
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>>', "$self->{dir}/stdout");
        open(STDERR, '>&', \*STDOUT);
        exec($program, "$self->{dir}/redis.conf") or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    my $deadline = time() + $TIMEOUT;

    while (time() < $deadline) {
        my $r = eval { $self->ask('PING') };
        return $self if defined $r && $r =~ /^PONG|^NOPERM/;

        die "$program ended at its start:\n" . $self->log()
            if waitpid($pid, POSIX::WNOHANG()) == $pid;
        sleep(0.01);
    }

    die "$program is not ready after $TIMEOUT s:\n" . $self->log();
}


sub log($self) {
    return join('', map { Stentor::Node::slurp("$self->{dir}/$_") // '' }
                    qw(redis.log stdout));
}


sub port($self) { return $self->{port} }
sub tls_port($self) { return $self->{tls_port} }
sub path($self) { return $self->{path} }


# Where a client finds it, as nodes are told.

sub address($self) {
    return defined $self->{path} ? "unix:$self->{path}"
                                 : "127.0.0.1:$self->{port}";
}


# One command, its reply decoded: a string, a number, undef for nil, a list as
# a reference.  Errors are strings as they come, "WRONGTYPE ...": who asks for
# what may fail looks.  Dies when there is no answer.

sub ask($self, @args) {
    my $c = $self->{client};

    # after a restart it is another server
    if (!$c || $self->{client_pid} != $self->{pid}) {
        $c = $self->{client} = $self->connect();
        $self->{client_pid} = $self->{pid};
    }

    my $reply = eval { send_command($c, @args); [ read_reply($c) ] };

    if (!$reply) {
        my $error = $@;
        delete $self->{client};
        die $error;
    }

    return $reply->[0];
}


sub connect($self) {
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}",
                                  Timeout => 2)
        or die "connect to Redis: $@\n";
    my $c = { socket => $s, in => '' };

    if (defined $self->{password} && !$self->{sentinel}) {
        send_command($c, 'AUTH', $self->{password});
        read_reply($c);
    }

    return $c;
}


sub send_command($c, @args) {
    my $bytes = '*' . @args . "\r\n"
                . join('', map { '$' . length($_) . "\r\n$_\r\n" } @args);

    local $SIG{PIPE} = 'IGNORE';
    syswrite($c->{socket}, $bytes) == length($bytes)
        or die "send to Redis: $!\n";
}


sub read_reply($c) {
    more($c) while $c->{in} !~ /\n/;

    my ($type, $rest) = take($c, 1 + index($c->{in}, "\n")) =~ /^(.)(.*)\r\n$/
        or die "no reply of Redis\n";

    return $rest if $type eq '+' || $type eq '-' || $type eq ':';
    return undef if $rest < 0;

    return substr(take($c, $rest + 2), 0, $rest) if $type eq '$';

    return [ map { read_reply($c) } 1 .. $rest ];
}


sub take($c, $n) {
    more($c) while length($c->{in}) < $n;
    return substr($c->{in}, 0, $n, '');
}


sub more($c) {
    IO::Select->new($c->{socket})->can_read($TIMEOUT)
        or die "no answer of Redis\n";
    sysread($c->{socket}, $c->{in}, 65536, length($c->{in}))
        or die "Redis closed the connection\n";
}


# A field of INFO, undef when there is none.

sub info($self, $field) {
    my ($value) = $self->ask('INFO', 'everything') =~ /^\Q$field\E:(.*?)\r$/m;
    return $value;
}


# How often a command was called, also by scripts.

sub calls($self, $command) {
    my $stat = $self->info("cmdstat_$command") // return 0;
    return $stat =~ /calls=(\d+)/ ? $1 : 0;
}


# From now on, all commands that it is asked: seen() of what this returns has
# those so far, each a list of words; wait_seen(test) polls for one that
# test->(its words) is true of.

sub monitor($self) {
    my $c = $self->connect();

    send_command($c, 'MONITOR');
    read_reply($c);

    return bless { client => $c, seen => [] }, 'Stentor::Redis::Monitor';
}


# Polls until test->() is true and returns that, or undef at the deadline.

sub wait_until($self, $test, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        my $rc = eval { $test->() };
        return $rc if $rc;
        sleep(0.01);
    }

    return undef;
}


# It answers nobody, and closes nothing.

sub freeze($self) { kill('STOP', $self->{pid}) }
sub thaw($self) { kill('CONT', $self->{pid}) }


# Ends it at once, and with it all that it had.

sub kill_it($self) {
    my $pid = delete $self->{pid} // return;

    delete $running{$pid};
    delete $self->{client};
    kill('CONT', $pid);
    kill('KILL', $pid);
    waitpid($pid, 0);
}


# The same port again, with nothing in it.

sub restart($self) {
    $self->kill_it();
    return $self->start();
}


sub remove($self) {
    $self->kill_it();
    File::Path::remove_tree($self->{dir}) if !$ENV{STENTOR_KEEP};
}


package Stentor::Redis::Monitor {
    use List::Util qw(first);
    use Time::HiRes qw(time);

    sub seen($self) {
        my $c = $self->{client};

        while (IO::Select->new($c->{socket})->can_read(0)) {
            Stentor::Redis::more($c);
        }

        while ($c->{in} =~ s/^\+(.*?)\r\n//) {
            push(@{ $self->{seen} }, [
                map { unquote($_) } $1 =~ /"((?:[^"\\]|\\.)*)"/g
            ]);
        }

        return @{ $self->{seen} };
    }

    # Redis writes words as C would.

    sub unquote($s) {
        my %plain = (n => "\n", r => "\r", t => "\t", a => "\a", b => "\b");

        return $s =~ s{\\(x([0-9a-f]{2})|.)}
                      {defined $2 ? chr(hex($2)) : $plain{$1} // $1}ger;
    }

    sub wait_seen($self, $test, $seconds = $Stentor::Redis::TIMEOUT) {
        my $deadline = time() + $seconds;

        while (time() < $deadline) {
            my $command = first { $test->(@$_) } $self->seen();
            return $command if $command;
            select(undef, undef, undef, 0.01);
        }

        return undef;
    }
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->remove() for values %running;
        $? = $status;
    }
}


1;
