# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# An operator's webhook in a process of its own: an HTTP server that answers
# each path as it was told to, and writes down what it got and when.
#
#     answers => { '/path' => [answer, answer ...] }   the last one repeats
#
# An answer is a status, or a hash: status, head (further lines), body,
# after (seconds until it is sent), never => 1 (not at all), drop => 1 (closes
# instead).  Paths not named are answered 204.  only => 'takeover': as if it
# were told of nothing else; other events are answered 204 and forgotten.

package Stentor::Webhook;

use v5.36;

use Errno qw(EAGAIN EINTR);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time sleep);

use Stentor::Node;

my %running;


# start(port => one that is free, answers => {...}, only => event); listens
# when it returns.

sub start($class, %o) {
    my $port = $o{port} // Stentor::Node::free_port();
    my $socket = IO::Socket::INET->new(Listen => 128, ReuseAddr => 1,
        LocalAddr => "127.0.0.1:$port") or die "listen on $port: $@\n";
    my $file = File::Temp->new(TEMPLATE => 'webhook-XXXXXX', TMPDIR => 1);

    my $self = bless { port => $port, file => $file, seen => [], at => 0,
                       answers => $o{answers} // {}, only => $o{only},
                       conns => {} }, $class;

    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = 'DEFAULT';
        eval { $self->serve($socket) };
        POSIX::_exit(1);
    }

    close($socket);
    $running{ $self->{pid} } = $self;

    return $self;
}


sub url($self, $path = '/', $user = '') {
    return "http://$user" . ($user && '@') . "127.0.0.1:$self->{port}$path";
}


# --- what it saw: entries in order, each a hash.  what => "request": path,
# query, head, body, json (decoded), conn (number of the connection); what =>
# "closed": conn, path (of the last request), unsent (bytes of an answer).

sub seen($self) {
    open(my $f, '<:raw', $self->{file}->filename()) or die "webhook: $!\n";
    seek($f, $self->{at}, 0);

    while (my $line = <$f>) {
        last if $line !~ /\n\z/;
        $self->{at} += length($line);

        my $e = JSON::PP::decode_json($line);
        $e->{json} = eval { JSON::PP::decode_json($e->{body}) }
            if defined $e->{body};
        push(@{ $self->{seen} }, $e);
    }

    return @{ $self->{seen} };
}


# Requests for a path (all without one).

sub requests($self, $path = undef) {
    return grep { $_->{what} eq 'request'
                  && (!defined $path || $_->{path} eq $path) }
           $self->seen();
}


# Waits until there are n of them; returns all there are.

sub wait_for($self, $n, $path = undef, $seconds = $Stentor::Node::PATIENCE) {
    my $deadline = time() + $seconds;
    my @got;

    while ((@got = $self->requests($path)) < $n && time() < $deadline) {
        sleep(0.01);
    }

    return @got;
}


# Waits for an entry that test->(entry) is true of; undef when none comes.

sub wait_entry($self, $test, $seconds = $Stentor::Node::PATIENCE) {
    my $deadline = time() + $seconds;

    while (1) {
        my ($e) = grep { $test->($_) } $self->seen();
        return $e if $e || time() > $deadline;
        sleep(0.01);
    }
}


sub stop($self) {
    my $pid = delete $self->{pid} // return;
    kill('TERM', $pid);
    waitpid($pid, 0);
    delete $running{$pid};
}


# --- the child

sub note($self, %e) {
    $e{time} = time();
    open(my $f, '>>:raw', $self->{file}->filename()) or die "webhook: $!\n";
    syswrite($f, JSON::PP::encode_json(\%e) . "\n");
    close($f);
}


sub serve($self, $socket) {
    my $n = 0;
    $socket->blocking(0);

    while (1) {
        my @conns = values %{ $self->{conns} };
        my $in = IO::Select->new($socket, map { $_->{socket} } @conns);
        my $out = IO::Select->new(map { $_->{socket} }
                                  grep { length($_->{out}) } @conns);
        my ($r) = IO::Select->select($in, $out, undef, 0.01);

        if (grep { $_ == $socket } @{ $r // [] }) {
            while (my $s = $socket->accept()) {
                $s->blocking(0);
                $self->{conns}{$s} = { socket => $s, in => '', out => '',
                                       n => ++$n };
            }
        }

        $self->work($_) for values %{ $self->{conns} };
    }
}


sub work($self, $c) {
    my $n = sysread($c->{socket}, $c->{in}, 65536, length($c->{in}));
    my $gone = defined $n ? $n == 0 : !$!{EAGAIN} && !$!{EINTR};

    $self->take($c) if !$gone && !$c->{answer};

    if ($c->{answer} && time() >= $c->{due}) {
        $gone = 1 if $c->{answer}{drop};
        $c->{out} .= answer_bytes($c->{answer});
        $c->{answer} = undef;
    }

    if (!$gone && length($c->{out})) {
        $n = syswrite($c->{socket}, $c->{out}, 65536);
        $gone = !defined $n && !$!{EAGAIN} && !$!{EINTR};
        substr($c->{out}, 0, $n // 0, '');
    }

    if ($gone) {
        $self->note(what => 'closed', conn => $c->{n}, path => $c->{path},
                    unsent => length($c->{out}));
        close($c->{socket});
        delete $self->{conns}{ $c->{socket} };
    }
}


# A whole request, when there is one, decides what is answered and when.

sub take($self, $c) {
    my $end = index($c->{in}, "\r\n\r\n");
    return if $end < 0;

    my $head = substr($c->{in}, 0, $end);
    my ($len) = $head =~ /^content-length:\s*(\d+)\s*$/mi;
    $len //= 0;
    return if length($c->{in}) < $end + 4 + $len;

    my $body = substr($c->{in}, $end + 4, $len);
    substr($c->{in}, 0, $end + 4 + $len, '');

    if (defined $self->{only}
        && (eval { JSON::PP::decode_json($body)->{event} } // '')
           ne $self->{only})
    {
        $c->{answer} = { status => 204 };
        $c->{due} = 0;
        return;
    }

    my ($method, $path, $query) = $head =~ /^(\S+) ([^ ?]*)(\?\S*)?/;
    $c->{path} = $path;
    $self->note(what => 'request', conn => $c->{n}, method => $method,
                path => $path, query => $query // '', head => $head,
                body => $body);

    my $list = $self->{answers}{$path} // [204];
    my $answer = @$list > 1 ? shift(@$list) : $list->[0];
    $answer = { status => $answer } if !ref($answer);

    $c->{answer} = $answer;
    $c->{due} = $answer->{never} ? 9e18 : time() + ($answer->{after} // 0);
}


sub answer_bytes($a) {
    return '' if $a->{drop};

    my $body = $a->{body} // '';
    my $length = $a->{status} == 204 ? ''
                 : 'Content-Length: ' . length($body) . "\r\n";

    return "HTTP/1.1 $a->{status} Said\r\n" . ($a->{head} // '')
           . "$length\r\n$body";
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop() for values %running;
        $? = $status;
    }
}


1;
