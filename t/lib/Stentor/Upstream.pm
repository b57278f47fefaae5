# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who is asked for streams, and need not mean it well: a server that answers
# each request for a stream with what a script of the test's sends, and the
# records of a relay as bytes, whatever there is in them.

package Stentor::Upstream;

use v5.36;

use Compress::Raw::Zlib ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

use Stentor::Node;
use Stentor::Relay;

my ($RATE, $PART, $PARTS) = (48000, 9216, 6);
my @TYPES = @Stentor::Relay::TYPES;
my %TYPE = map { $TYPES[$_] => $_ } 1 .. $#TYPES;


# start(dir => where its log is, scripts => { 'live/name' => sub ($say) }):
# $say->(bytes) sends, and is false when nobody is there any more.  The
# connection is closed when the script returns; whoever asks for another name
# is answered 404.

sub start($class, %o) {
    my $server = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
                                       LocalAddr => '127.0.0.1')
        or die "listen: $!\n";
    my $self = bless { %o, port => $server->sockport() }, $class;
    my $parent = $$;

    $self->{pid} = fork() // die "fork: $!\n";
    return $self if $self->{pid};

    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';

    my $select = IO::Select->new($server);

    while (getppid() == $parent) {
        my $c = $select->can_read(0.2) && $server->accept() or next;
        my $pid = fork() // next;
        next if $pid;

        close($server);
        eval { $self->answer($c) };
        last;
    }

    POSIX::_exit(0);
}


sub answer($self, $c) {
    my $request = '';
    sysread($c, $request, 4096, length($request)) or return
        while $request !~ /\r\n\r\n/;

    my ($name) = $request =~ m{^GET /relay/([^? ]+)} or return;
    my $script = $self->{scripts}{$name};

    if (!$script) {
        syswrite($c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return;
    }

    open(my $log, '>>', "$self->{dir}/$name" =~ s{/(?=[^/]*$)}{-}r) or return;
    syswrite($log, $request =~ s/\r\n.*//sr . "\n");

    syswrite($c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    $script->(sub ($bytes) { return send_all($c, $bytes) });
}


# False when the other end is gone, or takes nothing for a while.

sub send_all($c, $bytes) {
    $c->blocking(0);

    while (length($bytes)) {
        IO::Select->new($c)->can_write(5) or return 0;
        my $n = syswrite($c, $bytes, 65536) // return 0;
        substr($bytes, 0, $n, '');
    }

    # nobody sends us anything: what can be read is the end
    return !IO::Select->new($c)->can_read(0);
}


# How often a stream was asked for.

sub asked($self, $name) {
    my $log = Stentor::Node::slurp("$self->{dir}/$name"
                                   =~ s{/(?=[^/]*$)}{-}r) // '';
    return scalar(() = $log =~ /\n/g);
}


sub url($self) { return "http://127.0.0.1:$self->{port}/relay/" }


sub stop($self) {
    my $pid = delete $self->{pid} // return;
    kill('TERM', $pid);
    waitpid($pid, 0);
}


# --- records, right if nothing else is asked for

sub record($type, $payload) {
    return pack('C x3 N/a', $TYPE{$type} // $type, $payload);
}


# stream(epoch =>, whole =>, chain => [ids], names => [renditions], n => how
# many it says there are).

sub stream(%o) {
    my @names = @{ $o{names} // ['audio'] };
    my @chain = @{ $o{chain} // ['liar-1'] };

    return record('stream', pack('Q> C C', $o{epoch} // 0, $o{whole} // 1,
                                 scalar(@chain))
        . pack('(C/a)*', @chain) . pack('C', $o{n} // scalar(@names))
        . join('', map { pack('C/a N7', $_, $RATE, $PART, $PARTS, 6, 128000,
                              128000, 200000) } @names));
}


# What an init segment of ours is called is made of its bytes.

sub init(%o) {
    my $data = $o{data} // 'init segment';

    return record('init', pack('C N N N C/a C/a N/a', $o{rendition} // 0,
        Compress::Raw::Zlib::crc32($data), $RATE, 2, 'mp4a.40.2', '', $data));
}


# part(msn, part, n => pieces, size => bytes of each, len => what it says).

sub part($msn, $part, %o) {
    my $n = $o{n} // 1;
    my $size = $o{size} // 1000;
    my $pos = ($o{at} // $msn * $PARTS + $part) * $PART;
    my $init = Compress::Raw::Zlib::crc32($o{init} // 'init segment');
    my $now = int(Time::HiRes::time() * 1e6);

    return record('part', pack('Q> N N C q> q> C', $msn, $part, 0,
            2 + ($part == $PARTS - 1), $now, $now, $n)
        . pack('q> N5', $pos, $PART, $RATE, $init, 0, $size) x $n
        . pack('N', $o{len} // $n * $size) . 'x' x ($n * $size));
}


# A window of whole segments, up to its edge.

sub window(%o) {
    my @parts = map { my $msn = $_; map { part($msn, $_) } 0 .. $PARTS - 1 }
                1 .. 7;

    return $Stentor::Relay::MAGIC . stream(%o) . init() . join('', @parts)
           . record('edge', '');
}


sub beat(%o) {
    my @chain = @{ $o{chain} // ['liar-1'] };

    return record('beat', pack('q> Q> C (C/a)*',
        int(Time::HiRes::time() * 1e6), $o{epoch} // 0, scalar(@chain),
        @chain));
}


1;
