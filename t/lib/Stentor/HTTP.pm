# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A small HTTP/1.1 client for tests that must see the wire: keep-alive,
# pipelining, raw bytes, when the first and the last byte came, and many held
# requests at once.  An answer is a hash: status, headers (lower-case name =>
# values joined by ", "), body (as sent), text (gunzipped), first and done
# (times), taken (seconds from the request), closed (the server closed after).

package Stentor::HTTP;

use v5.36;

use Errno qw(EAGAIN EWOULDBLOCK EINTR EINPROGRESS);
use IO::Select;
use IO::Socket::INET;
use IO::Uncompress::Gunzip ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

our $TIMEOUT = $ENV{STENTOR_ASAN} ? 30 : 15;


# new($port, rcvbuf => bytes) connects.

sub new($class, $port, %o) {
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                  Timeout => 5)
        or die "connect to $port: $@\n";

    setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
    setsockopt($s, SOL_SOCKET, SO_RCVBUF, $o{rcvbuf}) if $o{rcvbuf};
    $s->blocking(0);

    return bless {
        socket => $s,
        in => '',
        asked => [],
        done => [],
        eof => 0,
    }, $class;
}


# One GET on its own connection.

sub get($port, $path, %headers) {
    my $c = __PACKAGE__->new($port);
    $c->request('GET', $path, Connection => 'close', %headers);
    return $c->response() // die "no answer to GET $path\n";
}


# Sends a request; its answer comes from response() or wait_all().  Headers
# with an undefined value are left out, Host as well.

sub request($self, $method, $path, %headers) {
    my %h = (Host => 'localhost', %headers);
    my $head = join('', map { "$_: $h{$_}\r\n" }
                    grep { defined $h{$_} } sort keys %h);

    return $self->send("$method $path HTTP/1.1\r\n$head\r\n", $method);
}


# Likewise with a body.

sub post($self, $path, $body, %headers) {
    my %h = (Host => 'localhost', 'Content-Length' => length($body),
             %headers);
    my $head = join('', map { "$_: $h{$_}\r\n" }
                    grep { defined $h{$_} } sort keys %h);

    return $self->send("POST $path HTTP/1.1\r\n$head\r\n$body", 'POST');
}


# Sends raw bytes; each method given makes one answer expected.

sub send($self, $bytes, @methods) {
    push(@{ $self->{asked} },
         map { { method => $_, sent => time() } } @methods);

    my $deadline = time() + $TIMEOUT;

    while (length($bytes)) {
        my $n = syswrite($self->{socket}, $bytes);

        if (defined $n) {
            substr($bytes, 0, $n, '');
            next;
        }

        return 0 if !$!{EAGAIN} && !$!{EINTR};
        return 0 if time() > $deadline;

        IO::Select->new($self->{socket})->can_write(0.1);
    }

    return 1;
}


# The next answer in order, undef when none is whole within seconds.

sub response($self, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;
    my $select = IO::Select->new($self->{socket});

    while (!@{ $self->{done} }) {
        my $left = $deadline - time();
        return undef if $left <= 0 || $self->{eof};

        $self->pump() if $select->can_read($left);
    }

    return shift(@{ $self->{done} });
}


# Reads what is there, without waiting; at most max bytes when given.

sub pump($self, $max = undef) {
    while (!$self->{eof}) {
        my $n = sysread($self->{socket}, my $data, $max // 65536);

        if (!defined $n) {
            last if $!{EAGAIN} || $!{EWOULDBLOCK};
            next if $!{EINTR};
            $self->{reset} = 1;
            $n = 0;
        }

        $self->{eof} = 1 if $n == 0;
        $self->{first} //= time() if $n;
        $self->{in} .= $data if $n;

        last if defined $max;
    }

    while ($self->parse_one()) { }

    return scalar(@{ $self->{done} });
}


# Waits until every connection has an answer, or seconds passed.  Returns the
# answers in the connections' order, undef where none came.

sub wait_all($conns, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;

    while (1) {
        my @open = grep { !@{ $_->{done} } && !$_->{eof} } @$conns;
        my $left = $deadline - time();
        last if !@open || $left <= 0;

        my %by = map { $_->{socket} => $_ } @open;
        my $select = IO::Select->new(map { $_->{socket} } @open);

        $by{$_}->pump() for $select->can_read($left);
    }

    return map { shift(@{ $_->{done} }) } @$conns;
}


# True when an answer is there already; never waits.

sub ready($self) {
    $self->pump();
    return scalar(@{ $self->{done} });
}


# True once the server has closed the connection.

sub wait_close($self, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;
    my $select = IO::Select->new($self->{socket});

    while (!$self->{eof}) {
        my $left = $deadline - time();
        return 0 if $left <= 0;
        $self->pump() if $select->can_read($left);
    }

    return 1;
}


sub close($self) {
    close($self->{socket});
}


# Takes one whole answer off the input; false when it is not whole yet.

sub parse_one($self) {
    my $asked = $self->{asked}[0] or return 0;

    my $end = index($self->{in}, "\r\n\r\n");
    return 0 if $end < 0;

    my $head = substr($self->{in}, 0, $end);
    my ($line, @fields) = split(/\r\n/, $head);
    my ($status, $reason) = $line =~ m{^HTTP/1\.[01] (\d{3}) ?(.*)$}
        or die "bad status line: $line\n";

    my %h;
    for my $field (@fields) {
        my ($name, $value) = $field =~ /^([!-9;-~]+):\s*(.*?)\s*$/
            or die "bad header field: $field\n";
        $name = lc($name);
        $h{$name} = exists $h{$name} ? "$h{$name}, $value" : $value;
    }

    my ($body, $used) = $self->take_body($end + 4, $status, \%h,
                                         $asked->{method});
    return 0 if !defined $body;

    substr($self->{in}, 0, $used, '');

    if ($status < 200) {
        return 1;
    }

    shift(@{ $self->{asked} });
    my $now = time();

    push(@{ $self->{done} }, {
        status => $status, reason => $reason, headers => \%h,
        head => $head, body => $body, text => inflate($body, \%h),
        first => $self->{first}, done => $now,
        taken => $now - $asked->{sent},
    });

    $self->{first} = length($self->{in}) ? $now : undef;

    return 1;
}


# The body that begins at offset: (body, end offset), or nothing.

sub take_body($self, $at, $status, $h, $method) {
    my $have = length($self->{in});

    return ('', $at) if $method eq 'HEAD' || $status < 200
                        || $status == 204 || $status == 304;

    if (($h->{'transfer-encoding'} // '') =~ /chunked/i) {
        return $self->take_chunked($at);
    }

    if (defined(my $len = $h->{'content-length'})) {
        return if $have < $at + $len;
        return (substr($self->{in}, $at, $len), $at + $len);
    }

    return if !$self->{eof};
    return (substr($self->{in}, $at), $have);
}


sub take_chunked($self, $at) {
    my $body = '';

    while (1) {
        pos($self->{in}) = $at;
        $self->{in} =~ /\G([0-9a-fA-F]+)[^\r]*\r\n/g or return;
        my $size = hex($1);
        $at = pos($self->{in});

        return if length($self->{in}) < $at + $size + 2;
        $body .= substr($self->{in}, $at, $size);
        $at += $size + 2;

        return ($body, $at) if $size == 0;
    }
}


sub inflate($body, $h) {
    return $body if ($h->{'content-encoding'} // '') ne 'gzip'
                    || !length($body);

    my $text;
    IO::Uncompress::Gunzip::gunzip(\$body => \$text)
        or die "bad gzip: $IO::Uncompress::Gunzip::GunzipError\n";

    return $text;
}


1;
