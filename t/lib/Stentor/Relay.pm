# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node that pulls a stream from another one, as a test sees it: asks, signs,
# takes the chunks apart and reads the records.  It dies on what is no record,
# and keeps what else is wrong in violations: parts that do not follow each
# other, and parts whose init segments have not come before them.
#
# A record is a hash: type (stream init part edge beat end), at (when it came)
# and what it has; a part's pieces have their bytes as body.

package Stentor::Relay;

use v5.36;

use Compress::Raw::Zlib ();
use Digest::SHA ();
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

our $PATIENCE = 30;

our @TYPES = (undef, qw(stream init part edge beat end));
our @REASONS = qw(stream absent lost exit again);
our $MAGIC = "StnRelay\1\0\0\0";


# new(port =>, name => 'live/studio1', prefix => '/relay/', node => 'edge-1',
# after => [msn, part, bytes or a CRC in hex], epoch =>, query => instead of
# all these, secret =>, exp => seconds from now, sign => {uri, node}: what else
# is signed, authorization =>, method =>, rcvbuf => bytes) asks and returns.

sub new($class, %o) {
    my $self = bless {
        name => 'live/studio1', prefix => '/relay/', node => 'edge-1',
        method => 'GET', exp => 30, %o,
        raw => '', body => '', records => [], violations => [], inits => {},
        bytes => 0, eof => 0,
    }, $class;

    my $uri = $self->uri();
    my $auth = $self->authorization($uri);

    my $s = $self->{socket} = IO::Socket::INET->new(
        Proto => 'tcp', Timeout => 5) // die "socket: $!\n";
    setsockopt($s, SOL_SOCKET, SO_RCVBUF, $o{rcvbuf}) if $o{rcvbuf};
    connect($s, Socket::pack_sockaddr_in($o{port},
                                         Socket::inet_aton('127.0.0.1')))
        or die "connect to $o{port}: $!\n";

    my $request = "$self->{method} $uri HTTP/1.1\r\nHost: localhost\r\n"
                  . ($auth ? "Authorization: $auth\r\n" : '') . "\r\n";
    syswrite($s, $request) == length($request) or die "request: $!\n";
    $s->blocking(0);

    return $self;
}


sub uri($self) {
    my @q = ("node=$self->{node}");

    if (my $a = $self->{after}) {
        my $crc = $a->[2] =~ /^[0-9a-f]{8}\z/ ? $a->[2] : crc($a->[2]);
        push(@q, "after=$a->[0].$a->[1]:$crc");
    }

    push(@q, "epoch=$self->{epoch}") if defined $self->{epoch};

    return "$self->{prefix}$self->{name}?"
           . ($self->{query} // join('&', @q));
}


sub authorization($self, $uri) {
    return $self->{authorization} if exists $self->{authorization};

    my $secret = $self->{secret} // return undef;
    my $exp = int(time()) + $self->{exp};
    my %what = (uri => $uri, node => $self->{node},
                %{ $self->{sign} // {} });

    return "Stentor exp=$exp, sig="
           . Digest::SHA::hmac_sha256_hex("$exp\n$what{uri}\n$what{node}",
                                          $secret);
}


sub crc($bytes) {
    return sprintf('%08x', Compress::Raw::Zlib::crc32($bytes));
}


# Reads what is there, without waiting; at most max bytes when given.

sub pump($self, $max = undef) {
    while (!$self->{eof}) {
        my $n = sysread($self->{socket}, my $data, $max // 262144);

        if (!defined $n) {
            last if $!{EAGAIN} || $!{EWOULDBLOCK};
            next if $!{EINTR};
            $self->{reset} = 1;
            $n = 0;
        }

        $self->{eof} = 1 if $n == 0;
        $self->{bytes} += $n;
        $self->{raw} .= $data if $n;

        last if defined $max;
    }

    $self->read_head() if !$self->{status};
    $self->read_chunks() if ($self->{status} // 0) == 200;
    $self->read_records();

    return $self;
}


sub read_head($self) {
    $self->{raw} =~ s{^HTTP/1\.1 (\d+)[^\r]*\r\n(.*?)\r\n\r\n}{}s or return;

    $self->{status} = $1;
    $self->{head} = { map { lc($_->[0]) => $_->[1] }
                      map { [ split(/:\s*/, $_, 2) ] } split(/\r\n/, $2) };
}


sub read_chunks($self) {
    my $at = 0;

    while (substr($self->{raw}, $at, 20) =~ /^([0-9a-fA-F]+)\r\n/) {
        my $size = hex($1);
        my $end = $at + length($1) + 2 + $size + 2;

        last if length($self->{raw}) < $end;

        $self->{body} .= substr($self->{raw}, $end - $size - 2, $size);
        $self->{complete} = 1 if $size == 0;
        $at = $end;
    }

    substr($self->{raw}, 0, $at, '');
}


sub read_records($self) {
    my $now = time();

    if (!$self->{begun} && length($self->{body}) >= 12) {
        die "no magic\n" if substr($self->{body}, 0, 12, '') ne $MAGIC;
        $self->{begun} = 1;
    }

    my $at = 0;

    while ($self->{begun} && length($self->{body}) >= $at + 8) {
        my ($type, $zero, $len) = unpack('C a3 N',
                                         substr($self->{body}, $at, 8));
        last if length($self->{body}) < $at + 8 + $len;

        my $name = $TYPES[$type] // die "record of type $type\n";
        my $payload = substr($self->{body}, $at + 8, $len);
        my $record = $self->can("record_$name")->($self, $payload);

        die "record has more\n" if length($payload);
        $self->check($name, $record);
        push(@{ $self->{records} }, { type => $name, at => $now, %$record });
        $at += 8 + $len;
    }

    substr($self->{body}, 0, $at, '');
}


# Takes from the front of $_[0] what the template says.

sub take {
    my $template = $_[1];
    my @values = unpack("$template a*", $_[0]);
    $_[0] = pop(@values);

    die "record ends early\n" if grep { !defined } @values;
    return wantarray ? @values : $values[0];
}


sub take_chain { return [ map { take($_[0], 'C/a') } 1 .. take($_[0], 'C') ] }


sub record_stream {
    my ($epoch, $whole) = take($_[1], 'Q> C');
    my $chain = take_chain($_[1]);
    my @renditions;

    for (1 .. take($_[1], 'C')) {
        my %r;
        @r{qw(name rate part parts window bandwidth average max_bandwidth)}
            = take($_[1], 'C/a N7');
        push(@renditions, \%r);
    }

    return { epoch => $epoch, whole => $whole, chain => $chain,
             renditions => \@renditions };
}


sub record_init {
    my %r;
    @r{qw(rendition id rate channels codecs config data)}
        = take($_[1], 'C N N N C/a C/a N/a');
    return \%r;
}


sub record_part {
    my %r;
    @r{qw(msn part discontinuities flags made_us sent_us)}
        = take($_[1], 'Q> N N C q> q>');
    $r{last} = $r{flags} & 1;
    $r{live} = $r{flags} >> 1 & 1;

    for (1 .. take($_[1], 'C')) {
        my %p;
        @p{qw(pos duration rate init next_init len)} = take($_[1], 'q> N5');
        push(@{ $r{pieces} }, \%p);
    }

    my $len = take($_[1], 'N');
    die "a part of $len bytes has " . length($_[1]) . "\n"
        if $len != length($_[1]);
    $_->{body} = take($_[1], "a$_->{len}") for @{ $r{pieces} };

    return \%r;
}


sub record_beat {
    my ($sent, $epoch) = take($_[1], 'q> Q>');
    return { sent_us => $sent, epoch => $epoch,
             chain => take_chain($_[1]) };
}


sub record_edge { return {} }
sub record_end { return { reason => $REASONS[take($_[1], 'C')] } }


# What a puller relies on.

sub check($self, $type, $r) {
    my $bad = sub ($what) { push(@{ $self->{violations} }, $what) };

    $bad->("$type after the end") if $self->{end};

    if ($type eq 'stream') {
        $bad->('a second window') if $self->{stream} && $r->{whole};
        $self->{stream} //= $r;
        $self->{stream}{renditions} = $r->{renditions};

    } elsif ($type eq 'init') {
        $bad->('init before the stream') if !$self->{stream};
        $bad->("init $r->{id} twice")
            if $self->{inits}{"$r->{rendition} $r->{id}"}++;

    } elsif ($type eq 'part') {
        $self->check_part($r, $bad);

    } elsif ($type eq 'end') {
        $self->{end} = $r->{reason};
    }
}


sub check_part($self, $r, $bad) {
    my $n = "$r->{msn}.$r->{part}";
    my $was = $self->{last};

    $bad->("$n before the stream") if !$self->{stream};
    $bad->("$n has " . @{ $r->{pieces} } . ' renditions')
        if @{ $r->{pieces} } != @{ $self->{stream}{renditions} };

    for my $i (0 .. $#{ $r->{pieces} }) {
        my $p = $r->{pieces}[$i];

        for my $id ($p->{init}, $p->{next_init} || ()) {
            $bad->("$n before its init $id") if !$self->{inits}{"$i $id"};
        }
    }

    if ($was) {
        my @next = $was->{last} ? ($was->{msn} + 1, 0)
                                : ($was->{msn}, $was->{part} + 1);
        $bad->("$n, not $next[0].$next[1]")
            if $r->{msn} != $next[0] || $r->{part} != $next[1];
        $bad->("$n does not begin where the one before ends")
            if $r->{discontinuities} == $was->{discontinuities}
               && $r->{pieces}[0]{pos} != $was->{pieces}[0]{pos}
                                          + $was->{pieces}[0]{duration};
    }

    $self->{last} = $r;
}


# Reads until test->(self) is true, for at most seconds: true, or false at the
# deadline and when the connection ends before.

sub wait_for($self, $test, $seconds = $PATIENCE) {
    my $deadline = time() + $seconds;
    my $select = IO::Select->new($self->{socket});

    while (1) {
        $self->pump();
        return 1 if $test->($self);

        my $left = $deadline - time();
        return 0 if $left <= 0 || $self->{eof};
        $select->can_read($left);
    }
}


# The same for many at once, each with the test.

sub wait_all($relays, $test, $seconds = $PATIENCE) {
    my $deadline = time() + $seconds;

    while (1) {
        my @left = grep { !$test->($_) && !$_->{eof} } @$relays;
        my $left = $deadline - time();
        last if !@left || $left <= 0;

        my %by = map { $_->{socket} => $_ } @left;
        $by{$_}->pump() for IO::Select->new(map { $_->{socket} } @left)
                                      ->can_read($left);
    }

    return !grep { !$test->($_) } @$relays;
}


sub wait_status($self, $seconds = $PATIENCE) {
    $self->wait_for(sub ($r) { $r->{status} }, $seconds);
    return $self->{status} // 0;
}


sub wait_edge($self, $seconds = $PATIENCE) {
    return $self->wait_for(sub ($r) { $r->of('edge') }, $seconds);
}


# The reason of its end, '' when it has none.

sub wait_end($self, $seconds = $PATIENCE) {
    $self->wait_for(sub ($r) { $r->{end} && $r->{complete} }, $seconds);
    return $self->{end} // '';
}


# n more parts than there are.

sub wait_parts($self, $n, $seconds = $PATIENCE) {
    $self->pump();
    my $want = $self->of('part') + $n;
    return $self->wait_for(sub ($r) { $r->of('part') >= $want }, $seconds);
}


# All records of a type; in scalar context their number.

sub of($self, $type) {
    return grep { $_->{type} eq $type } @{ $self->{records} };
}


# The parts before the edge, and those after it.

sub window($self) { return @{ ($self->split_parts())[0] } }
sub news($self) { return @{ ($self->split_parts())[1] } }


sub split_parts($self) {
    my @sides = ([], []);
    my $side = 0;

    for my $r (@{ $self->{records} }) {
        $side = 1 if $r->{type} eq 'edge';
        push(@{ $sides[$side] }, $r) if $r->{type} eq 'part';
    }

    return @sides;
}


sub close($self) {
    close($self->{socket});
    $self->{eof} = 1;
}


1;
