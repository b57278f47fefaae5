#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A Redis that is absent, lost, slow, empty, failed over, full or not to be
# got into: whoever listens hears nothing of it, and leases are as they were
# when it is back.  No log shows a password.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Redis;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time);


need('redis-server', 'redis-sentinel');

my $SECRET = 'open-sesame';
my $KEY = 'stentor:lease:live/studio1';
my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);


sub cluster($servers, %o) {
    return (stentor => 'cluster { node a; role origin; lease 1500ms;'
                       . ' relay http://127.0.0.1:1/relay/;'
                       . " redis $servers; }",
            workers => 1, linger => '1s', %o);
}


sub redis_status($node) { return $node->status()->{cluster}{redis} }


# Waits until the node says so of its Redis; a part is made meanwhile.

sub is_redis($node, $state, $trouble, $what) {
    my $made = $node->stream('live/studio1')->{renditions}[0]{edge_ms};
    my $says;

    my $ok = $node->wait_status(sub ($s) {
        $says = $s->{cluster}{redis};
        return $says->{state} eq $state && $says->{trouble} =~ $trouble;
    }, $Stentor::Node::PATIENCE, $what);
    ok($ok, $what) or diag(explain($says));

    $node->wait_stream('live/studio1', sub ($st) {
        return $st->{state} eq 'live'
               && $st->{renditions}[0]{edge_ms} > $made + 400;
    }, $Stentor::Node::PATIENCE, "$what: the stream goes on");
}


# The stream's lease as the node has it.

sub has_lease($node) {
    my ($l) = grep { $_->{stream} eq 'live/studio1' }
              @{ $node->status()->{cluster}{leases} };
    return $l;
}


sub lease_is($node, $redis, $epoch, $what) {
    my $value;

    my $ok = $redis->wait_until(sub {
        $value = $redis->ask('GET', $KEY) // 'none';
        return $value =~ /^$epoch 1 a /
               && has_lease($node)->{state} eq 'held';
    });

    is($ok ? $value : "$value, not held",
       "$epoch 1 a http://127.0.0.1:1/relay/", $what);
    is(has_lease($node)->{epoch}, $epoch, "$what: by the same epoch");
}


sub state_of($node) { return has_lease($node)->{state} }


# --- absent at the start

my $redis = Stentor::Redis->prepare(password => $SECRET);
Stentor::Node::spew("$dir/password", "$SECRET\n");
my $at = time();
my $node = Stentor::Node->new(
    cluster($redis->address() . " password_file=$dir/password"),
    expected => qr/\[error\].*Redis/);
my $studio = broadcaster($node);

is_redis($node, 'down', qr/^Connection refused/, 'absent at the start');
is(state_of($node), 'alone', 'the node goes on alone');
my $epoch = has_lease($node)->{epoch};

my $witness = Stentor::Listener->fork_run(300, port => $node->port_http(),
                                          edge => 1);
my $held = $node->stream('live/studio1')->{repairs}{hold_frames};

$redis->start();
is_redis($node, 'up', qr/^$/, 'it comes');
lease_is($node, $redis, $epoch, 'there is a lease');


# --- lost, and back with nothing in it

$redis->kill_it();
is_redis($node, 'down', qr/./, 'lost');
$node->wait_until(sub { state_of($node) eq 'alone' });
is(state_of($node), 'alone', 'on alone when the lease is over');

$redis->start();
is_redis($node, 'up', qr/^$/, 'back, and empty');
lease_is($node, $redis, $epoch, 'the lease is there again');


# --- slow

my $connects = redis_status($node)->{connects};
$redis->freeze();
is_redis($node, 'down', qr/^no answer in 200 ms/, 'slow');
$node->wait_until(sub { state_of($node) eq 'alone' });
$redis->thaw();
is_redis($node, 'up', qr/^$/, 'as it was');
lease_is($node, $redis, $epoch, 'the lease is there again');
cmp_ok(redis_status($node)->{connects}, '>', $connects,
       'on another connection');


# --- another password

$redis->ask('CONFIG', 'SET', 'requirepass', 'another');
$redis->ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is_redis($node, 'down', qr/^the password is refused: WRONGPASS$/,
         'a wrong password');
$redis->ask('CONFIG', 'SET', 'requirepass', $SECRET);
is_redis($node, 'up', qr/^$/, 'and the right one');
lease_is($node, $redis, $epoch, 'the lease is there again');


# --- another type under our key

sub mistake(@command) {
    # the node may keep its lease between two commands of ours
    $redis->ask('MULTI');
    $redis->ask('DEL', $command[1]);
    $redis->ask(@command);
    $redis->ask('EXEC');
}

mistake('LPUSH', $KEY, 'x');
ok($node->wait_until(sub { $node->log() =~ /studio1": Redis: WRONGTYPE/ }),
   'another type under the key of the lease');
is_redis($node, 'up', qr/^$/, 'is not all of Redis');
is(state_of($node), 'alone', 'but as if it was down for that stream');

$redis->ask('DEL', $KEY);
lease_is($node, $redis, $epoch, 'the lease is there again');
is(() = $node->log() =~ /WRONGTYPE/g, 1, 'it was told once');

mistake('SET', 'stentor:nodes', 'x');
is_redis($node, 'up', qr/^WRONGTYPE/, 'another type under the key of nodes');
is(scalar(@{ $node->status()->{cluster}{nodes} }), 1, 'those known stay known');
$redis->ask('DEL', 'stentor:nodes');
is_redis($node, 'up', qr/^$/, 'which is over');


# --- full

$redis->ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$redis->ask('CONFIG', 'SET', 'maxmemory', '1mb');
is_redis($node, 'up', qr/^OOM/, 'full');
$node->wait_until(sub { state_of($node) eq 'alone' });
is(state_of($node), 'alone', 'so it goes on alone');
$redis->ask('CONFIG', 'SET', 'maxmemory', '0');
is_redis($node, 'up', qr/^$/, 'no longer full');
lease_is($node, $redis, $epoch, 'the lease is there again');


# --- scripts that are flushed

$redis->ask('SCRIPT', 'FLUSH');
my $sets = $redis->calls('set');
ok($redis->wait_until(sub { $redis->calls('set') > $sets + 4 }),
   'scripts are loaded again');
lease_is($node, $redis, $epoch, 'the lease is kept');

# --- no room for another client

$redis->ask('CONFIG', 'SET', 'maxclients', 1);
$redis->ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is_redis($node, 'down', qr/^ERR max number of clients reached/, 'no room');
$redis->ask('CONFIG', 'SET', 'maxclients', 100);
is_redis($node, 'up', qr/^$/, 'and room');


# --- all of it as it was heard

my $heard = $witness->join();
conforms('who listened heard one unbroken programme',
         @{ $heard->{violations} });
is($node->stream('live/studio1')->{repairs}{hold_frames}, $held,
   'without a frame of hold audio');
cmp_ok(scalar(@{ $heard->{parts} }), '>', 4 * (time() - $at) / 2,
       'all the time');

unlike($node->log(), qr/\Q$SECRET\E/, 'no log has the password');
$node->done('TERM');
$redis->remove();


# --- a Unix socket, a user who may do no more than he must, a database

$redis = Stentor::Redis->new(socket => 1);
$redis->ask('ACL', 'SETUSER', 'stentor', 'on', ">$SECRET", 'resetkeys',
            '~mine:*', 'resetchannels', '&mine:*', '-@all',
            map { "+$_" } qw(evalsha script|load select role ping subscribe
                             client|setname hset hgetall hdel pexpire time get
                             mget set del publish));

$node = Stentor::Node->new(cluster($redis->address() . ' user=stentor'
    . " password=$SECRET database=3 prefix=mine:"));
$studio = broadcaster($node);
is_redis($node, 'up', qr/^$/, 'a Unix socket, a user, a database, a prefix');
$redis->ask('SELECT', 3);
ok($redis->wait_until(sub { $redis->ask('GET', 'mine:lease:live/studio1') }),
   'the lease is there');
like(join("\n", $redis->ask('CLIENT', 'LIST')),
     qr/name=stentor:a .*user=stentor/, 'Redis knows who it is');
ok($redis->wait_until(sub { $redis->info('pubsub_channels') }),
   'it hears what is told');
$node->done('TERM');
$redis->remove();


# --- a password that nobody has told the node

$redis = Stentor::Redis->new(password => $SECRET);
$node = Stentor::Node->new(cluster($redis->address()),
                           expected => qr/\[error\].*Redis/);
$studio = broadcaster($node);
is_redis($node, 'down', qr/^NOAUTH/, 'no password');
$node->done('TERM');
$redis->remove();


# --- failed over by a Sentinel

my $master = Stentor::Redis->new(password => $SECRET);
my $replica = Stentor::Redis->new(password => $SECRET, replica_of => $master);
my $sentinel = Stentor::Redis->sentinel(master => $master);
my $nobody = Stentor::Node::free_port();

$sentinel->wait_until(sub { $sentinel->info('master0') =~ /slaves=1/ });

$node = Stentor::Node->new(
    cluster("127.0.0.1:$nobody " . $sentinel->address()
            . " master=stentor password=$SECRET"),
    expected => qr/\[error\].*Redis/);
$studio = broadcaster($node);
is_redis($node, 'up', qr/^$/, 'a Sentinel tells where it is');
$epoch = has_lease($node)->{epoch};
lease_is($node, $master, $epoch, 'the lease is at the master');

$witness = Stentor::Listener->fork_run(300, port => $node->port_http(),
                                       edge => 1);
$at = time();
$master->kill_it();
ok($replica->wait_until(sub { $replica->info('role') eq 'master' }, 30),
   'it fails over');
note(sprintf('a new master after %.1f s', time() - $at));
is_redis($node, 'up', qr/^$/, 'the node finds the new one');
lease_is($node, $replica, $epoch, 'the lease is there');

# the old one comes back as what it is no longer

$master->start();
ok($master->wait_until(sub { $master->info('role') eq 'slave' }, 30),
   'the former master becomes a replica');
lease_is($node, $replica, $epoch, 'which is nothing to the lease');
conforms('nor to listeners', @{ $witness->join()->{violations} });

$node->done('TERM');
$_->remove() for $sentinel, $replica, $master;


# --- a server that is none

my %odd = (
    'speaks as a web server' => ["HTTP/1.1 400 Bad Request\r\n\r\n",
                                 qr/^it does not speak as Redis/],
    'speaks unasked' => ["+OK\r\n" x 9, qr/^it speaks unasked/],
    'never ends' => ['$' . 90_000_000 . "\r\n" . 'x' x 5_000_000,
                     qr/^its reply is too long/],
    'says nothing' => ['', qr/^no answer in 200 ms/],
);

for my $what (sort keys %odd) {
    my ($says, $trouble) = @{ $odd{$what} };
    my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
        or die "listen: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        local $SIG{PIPE} = 'IGNORE';
        my @kept;

        while (my $c = $server->accept()) {
            $c->blocking(0);
            IO::Select->new($c)->can_read(1) if $what !~ /unasked/;
            my $rest = $says;

            while (length($rest) && IO::Select->new($c)->can_write(1)) {
                my $n = syswrite($c, $rest) // last;
                substr($rest, 0, $n, '');
            }

            push(@kept, $c);
        }

        POSIX::_exit(0);
    }

    my $odd = Stentor::Node->new(cluster('127.0.0.1:' . $server->sockport()),
                                 expected => qr/\[error\].*Redis/);
    $studio = broadcaster($odd);
    is_redis($odd, 'down', $trouble, "a server that $what");
    $odd->done('TERM');

    kill('KILL', $pid);
    waitpid($pid, 0);
}

done_testing();
