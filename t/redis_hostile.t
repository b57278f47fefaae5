#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A Redis that lies: between a node and a real one is somebody who changes
# replies, in their texts, their types, their shape and their bytes, and tells
# things on the channel that make no sense.  The node answers all the time,
# takes no more memory, and is well when that is over.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Mutate;
use Stentor::Redis;

use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use constant {
    SECONDS => 20,
    NAMES => 60,                       # that are asked for at once
    GREETINGS => 12,                   # replies before a node uses them
    SLOW => 2,                         # s, of a status
    MEMORY => 16 * 1024 * 1024,        # that may come of it
};

need('redis-server');

my $redis = Stentor::Redis->new();
my $port = Stentor::Node::free_port();
my $m = Stentor::Mutate->new('7 1 b http://127.0.0.1:1/relay/', 'held 3',
    'other 9 1 b http://127.0.0.1:1/relay/', 'error no room', 'quit',
    'lease live/studio1 4 b', '{"role":"edge","region":"eu","load":17,'
    . '"listen":"http://127.0.0.1:1/live/","version":"1","capacity":5}');


# --- replies

# One reply off the front of the bytes, as [type, what]; undef: not whole yet.

sub take($in) {
    $$in =~ s/^([-+:\$*])([^\r\n]*)\r\n// or return undef;
    my ($type, $what) = ($1, $2);

    return [ $type, $what ] if $type =~ /[-+:]/ || $what < 0;

    if ($type eq '$') {
        return undef if length($$in) < $what + 2;
        return [ $type, substr(substr($$in, 0, $what + 2, ''), 0, -2) ];
    }

    my @list;

    for (1 .. $what) {
        push(@list, take($in) // return undef);
    }

    return [ $type, \@list ];
}


sub bytes($r) {
    my ($type, $what) = @$r;

    return "*" . @$what . "\r\n" . join('', map { bytes($_) } @$what)
        if ref($what);
    return '$' . length($what) . "\r\n$what\r\n"
        if $type eq '$' && $what ne '-1';
    return "$type$what\r\n";
}


# A reply in which something is something else, of a long list much.

sub lie($r) {
    my ($type, $what) = @$r;

    if (ref($what) && @$what && rand() < 0.8) {
        my @list = map { rand() < 0.3 ? lie($_) : $_ } @$what;
        my $at = int(rand(@list));
        my $how = int(rand(6));

        $list[$at] = lie($list[$at]) if $how < 3;
        splice(@list, $at, 1) if $how == 3;
        splice(@list, $at, 0, ($list[$at]) x 3) if $how == 4;
        @list = ($r) if $how == 5;

        return [ '*', \@list ];
    }

    return $m->any(
        [ '$', $m->next(ref($what) ? () : $what) ],
        [ '$', $m->next() ],
        [ '$', '-1' ],
        [ '*', '-1' ],
        [ '*', [] ],
        [ ':', $m->any(0, 1, -1, '9223372036854775807') ],
        [ '-', $m->any('ERR', 'NOSCRIPT', 'NOPERM', "BUSY \e[2J\xff") ],
    );
}


# The same as bytes, that end the connection mostly: one after the other.

my $broken = 0;


sub broken($r) {
    my $s = bytes($r);
    my @ways = ("*2147483647\r\n", '*16384' . "\r\n*16384" x 5 . "\r\n",
        $m->next($s), substr($s, 0, int(rand(length($s)))), "$s$s",
        '*1' . "\r\n*1" x 50 . "\r\n", "*-7\r\n",
        "\$2147483647\r\n", "\$99999999999\r\n", 'x' x 5000,
        ':' . '9' x 40 . "\r\n", "\$6000000\r\n" . 'x' x 6_000_000);

    return $ways[$broken++ % @ways];
}


# --- who changes them

# One connection of the node's, and its own to Redis.

sub pair($client) {
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1:'
                                                   . $redis->port())
        or return ();

    my $pair = { node => $client, redis => $server, in => '', channel => '' };
    return map { $_ => $pair } $client, $server;
}


# What Redis said becomes what the node hears.

sub forward($pair, $hostile, $count) {
    while (1) {
        my $rest = $pair->{in};
        my $r = take(\$rest) // last;

        $pair->{in} = $rest;
        $pair->{channel} = $r->[1][1][1]
            if ref($r->[1]) && @{ $r->[1] } == 3
               && $r->[1][0][1] eq 'subscribe';

        # or it would hardly ever get beyond its first words
        my $lie = $hostile
                  && rand() < ($pair->{told}++ < GREETINGS ? 0.02 : 0.6);
        my $out = !$lie ? bytes($r) : rand() < 0.1 ? broken($r)
                                                   : bytes(lie($r));
        $count->{replies}++ if $lie;
        say_to($pair->{node}, $out) or return 0;
    }

    return 1;
}


sub say_to($socket, $out) {
    local $SIG{PIPE} = 'IGNORE';
    my $deadline = time() + 2;

    while (length($out) && time() < $deadline) {
        my $n = syswrite($socket, $out);
        return 0 if !defined $n && !$!{EAGAIN};
        substr($out, 0, $n // 0) = '';
        IO::Select->new($socket)->can_write(0.1) if length($out);
    }

    return !length($out);
}


# The child: hostile from its first USR1 to the next; says then what it did.

sub liar($parent, $say) {
    my $listener = IO::Socket::INET->new(Listen => 16, ReuseAddr => 1,
                                         LocalAddr => "127.0.0.1:$port");
    my $select = IO::Select->new($listener);
    my ($hostile, %pair, %count) = (0);

    local $SIG{USR1} = sub {
        $hostile = !$hostile;
        print {$say} JSON::PP::encode_json(\%count), "\n" if !$hostile;
    };
    print {$say} "ready\n";

    while (getppid() == $parent) {
        for my $s ($select->can_read(0.02)) {
            if ($s == $listener) {
                my %new = pair($s->accept() // next);
                $select->add(map { $_->{node}, $_->{redis} }
                             (values %new)[0] // next);
                @pair{keys %new} = values %new;
                next;
            }

            my $pair = $pair{$s} // next;
            my $n = sysread($s, my $bytes, 65536);
            my $ok = $n && ($s == $pair->{node}
                            ? say_to($pair->{redis}, $bytes)
                            : do { $pair->{in} .= $bytes;
                                   forward($pair, $hostile, \%count) });
            next if $ok;

            $select->remove($pair->{node}, $pair->{redis});
            delete @pair{$pair->{node}, $pair->{redis}};
            close($_) for $pair->{node}, $pair->{redis};
        }

        next if !$hostile;

        for my $pair (grep { $_->{channel} } values %pair) {
            say_to($pair->{node}, bytes([ '*', [ [ '$', 'message' ],
                [ '$', $pair->{channel} ], [ '$', $m->next() ] ] ]))
                && $count{pushes}++ for 1 .. 10;
        }
    }
}


pipe(my $said, my $say) or die "pipe: $!\n";
$say->autoflush(1);
my $parent = $$;
my $liar = fork() // die "fork: $!\n";

if ($liar == 0) {
    eval { liar($parent, $say); 1 } or warn($@);
    POSIX::_exit(1);
}

close($say);
is(scalar(<$said>), "ready\n", 'somebody is in between');

# --- the node

my ($node, $b) = on_air(linger => '1s', log => 'error',
    location => 'stentor_hls_pending time=300ms max=200;',
    stentor => "cluster { node a; role origin; lease 1500ms;"
               . " relay http://127.0.0.1:1/relay/;"
               . " redis 127.0.0.1:$port timeout=500ms; }");

sub redis_is($state) {
    return $node->wait_status(sub ($s) {
        return $s->{cluster}{redis}{state} eq $state;
    }, 2 * $Stentor::Node::PATIENCE, "Redis is $state");
}


ok(redis_is('up'), 'it is between a node and its Redis');
my $before = $node->worker_memory();
my ($slowest, $round, $most, @bad) = (0, 0, $before);

kill('USR1', $liar);

for (my $end = time() + SECONDS; time() < $end; $round++) {
    my @c = map { $node->http() } 1 .. NAMES;
    $c[$_]->request('GET', "/live/n$_-" . $round % 7 . '/audio.m3u8')
        for 0 .. $#c;

    my $t0 = time();
    my $s = eval { $node->status() };
    push(@bad, "round $round: no status: $@") if !$s;
    $slowest = time() - $t0 if time() - $t0 > $slowest;
    $_->response(2 + SLOW) // push(@bad, "round $round: no answer") for @c;
    $most = $node->worker_memory() if $node->worker_memory() > $most;
}

kill('USR1', $liar);
my $count = JSON::PP::decode_json(scalar(<$said>));

note("$round rounds, $count->{replies} replies, $count->{pushes} pushes");
cmp_ok($count->{replies} + $count->{pushes}, '>', 2000,
       'thousands of things that are not so');
conforms('it answers all the time', @bad);
cmp_ok($slowest, '<', SLOW, 'and soon');
# what is freed stays with AddressSanitizer for a while
cmp_ok($most - $before, '<', $ENV{STENTOR_ASAN} ? 32 * MEMORY : MEMORY,
       'it takes no more memory');
unlike($node->log(), qr/[^\x20-\x7e\n]/, 'its log has no bytes of theirs');
ok(redis_is('up'), 'it is well when that is over');
ok($node->wait_status(sub ($s) {
    return scalar(grep { $_->{stream} eq 'live/studio1'
                         && $_->{state} eq 'held' }
                  @{ $s->{cluster}{leases} });
}, 2 * $Stentor::Node::PATIENCE, 'the lease') || 0, 'and has its lease');

kill('TERM', $liar);
waitpid($liar, 0);
$b->stop();
$node->done('TERM');
$redis->remove();
done_testing();
