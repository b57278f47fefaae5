#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What docs/examples/edge.conf says of limits and time-outs is what happens:
# the http block is the example's own, with smaller numbers.  A crowd listens
# all the while, and whoever comes to disturb it (connections that ask for
# nothing, requests that never end, clients that do not read, machines that
# play a crowd) goes again, and takes nobody with him.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Poll qw(POLLERR POLLHUP);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

use Stentor::Authority;
use Stentor::Crowd;
use Stentor::Example;
use Stentor::Kit;


need('ffmpeg', 'curl', 'openssl');

my $CROWD = 20;
my $EACH = 40;           # requests, and joins, of an address at once

my ($tls, $slow, $narrow) = map { Stentor::Node::free_port() } 1 .. 3;

my $node = Stentor::Node::Edge->new(
    workers => 1, connections => 250, log => 'info',
    expected => qr/open socket #\d+ left/);

my $b = broadcaster($node);
my $crowd = Stentor::Crowd->new([ $node->port_http() ],
                                listeners => $CROWD, rate => 100);
ok($crowd->hears(20), 'a crowd listens');
$crowd->mark();


sub unhurt($what) {
    my $seen = $crowd->mark();
    my %e = %{ $seen->{errors} // {} };

    is_deeply([ $seen->{wrong}, grep { $e{$_} } sort keys %e ], [0],
              "who listens loses nothing: $what");
}


# Connections from an address of their own.

sub come($n, $address, $port = $node->port_http()) {
    return map {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5,
                              LocalAddr => $address)
            // die "connect from $address: $@\n";
    } 1 .. $n;
}


# Those of them that the server has closed; each answers that it was there.

sub closed(@sockets) {
    my $poll = IO::Poll->new();
    my $select = IO::Select->new(@sockets);
    my %gone;

    for my $s ($select->can_read(0)) {
        $s->blocking(0);
        my $n = sysread($s, my $bytes, 65536);
        $gone{$s} = 1 if defined $n ? $n == 0 : !$!{EAGAIN};
    }

    return grep { $gone{$_} } @sockets;
}


# Till all are closed, doing something with those that are not.

sub all_closed($do, @sockets) {
    return $node->wait_until(sub {
        my %gone = map { $_ => 1 } closed(@sockets);
        @sockets = grep { !$gone{$_} } @sockets;
        $do->($_) for @sockets;
        return !@sockets;
    });
}


sub client($address) {
    my ($s) = come(1, $address);
    my $c = $node->http();
    $s->blocking(0);
    $c->{socket} = $s;
    return $c;
}


# --- connections

ok(all_closed(sub ($s) { }, come(100, '127.0.0.2')),
   'connections that ask for nothing are closed');
unhurt('connections that ask for nothing');

my $loris = "GET /live/studio1/index.m3u8 HTTP/1.1\r\nHost: a\r\nX-Slow: ";
my @loris = come(100, '127.0.0.2');
syswrite($_, $loris) for @loris;

ok(all_closed(sub ($s) { local $SIG{PIPE} = 'IGNORE'; syswrite($s, 'a') },
              @loris), 'requests that never end are');
unhurt('requests that never end');

my @idle = map { client('127.0.0.2') } 1 .. 10;
$_->request('GET', '/live/studio1/audio.m3u8') for @idle;
is(scalar(grep { $_ && $_->{status} == 200 }
          Stentor::HTTP::wait_all(\@idle)), 10, 'some ask');
ok(all_closed(sub ($s) { }, map { $_->{socket} } @idle),
   'and are closed when they do not ask any more');

# more than the worker has room for: the oldest that ask for nothing make it

my @many = come(400, '127.0.0.2');
ok($node->wait_until(sub { $node->log() =~ /reusing connections/ }),
   'the worker has no room left');
is($node->get('/live/studio1/audio.m3u8')->{status}, 200,
   'but for who asks for something');
ok(all_closed(sub ($s) { }, @many), 'the others are closed');
unhurt('a worker that was full');


# --- a client that does not take what it has asked for

{
    my ($s) = come(1, '127.0.0.2', $slow);
    my $poll = IO::Poll->new();
    my $request = "GET /live/studio1/audio.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n";

    $s->blocking(0);
    syswrite($s, $request x 5000);
    $poll->mask($s => POLLHUP);

    ok($node->wait_until(sub {
        $poll->poll(0.05);
        return $poll->events($s) & (POLLERR | POLLHUP);
    }), 'who does not read is cut off');
    unhurt('somebody who does not read');
}


# --- who plays a crowd

my @held = map { client('127.0.0.3') } 1 .. $EACH;
$_->request('GET', '/live/nobody/audio.m3u8') for @held;
ok($node->wait_status(sub ($s) { $s->{hls}{pending} == $EACH }),
   'one address has as many requests under way as it may');

sub refused($r, $what) {
    is($r->{status}, 429, "$what is refused");
    is($r->{headers}{'access-control-allow-origin'}, '*',
       'which a browser may tell its page');
    is($r->{headers}{'retry-after'}, 2, 'and when to come again');
}

my $c = client('127.0.0.3');
$c->request('GET', '/live/studio1/audio.m3u8');
refused($c->response(), 'one more');

is($node->get('/live/studio1/audio.m3u8')->{status}, 200,
   'another address is not');
$_->close() for @held;

my @joins = map { [ $_, '/live/studio1/index.m3u8' ] } 1 .. 2 * $EACH;
$c = client('127.0.0.4');
$c->request('GET', $_->[1]) for @joins;
my @r = map { $c->response() } @joins;

is(scalar(grep { $_->{status} == 200 } @r[0 .. $EACH]), $EACH + 1,
   'as many joins of an address as it may have');
refused($r[-1], 'one that is too much');

# and who joined before, at that address, is not disturbed

my ($msn, $part) = playlist($node)->next_part();
$c->request('GET',
            "/live/studio1/audio.m3u8?_HLS_msn=$msn&_HLS_part=$part");
is($c->response()->{status}, 200, 'a reload of that address is not');
unhurt('machines that play a crowd');


# --- TLS

my @curl = ('curl', '-s', '--cacert', "$node->{dir}/authority.pem");
my $url = "https://127.0.0.1:$tls/live/studio1/index.m3u8";

for my $version ('1.1', 2) {
    my $said = join('', qx(@curl --http$version -w %{http_version} $url));
    like($said, qr/\A#EXTM3U.*^\Q$version\E\z/ms, "HTTP/$version over TLS");
}

my $s_client = "openssl s_client -connect 127.0.0.1:$tls";
my $request = q(printf 'GET /live/studio1/index.m3u8 HTTP/1.1\r\n)
              . q(Host: a\r\nConnection: close\r\n\r\n');

for my $version (qw(-tls1_2 -tls1_3)) {
    my $file = "$node->{dir}/session$version";
    my @said = map {
        scalar(qx($request | $s_client $version -ign_eof $_ $file 2>&1))
    } qw(-sess_out -sess_in);

    like($said[0], qr/^New, TLS/m, "a session of $version");
    like($said[1], qr/^Reused, TLS/m, 'is resumed');
}

unhurt('TLS beside them');
$crowd->end();


# --- a queue that is full: the kernel drops who does not fit, who comes again

SKIP: {
    my $abort = Stentor::Node::slurp('/proc/sys/net/ipv4/'
                                     . 'tcp_abort_on_overflow');
    skip('the kernel resets who does not fit', 2) if $abort != 0;

    my ($worker) = $node->worker_pids();
    kill('STOP', $worker);

    my @come = map {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$narrow", Blocking => 0)
    } 1 .. 30;
    my @in = IO::Select->new(@come)->can_write(0.2);
    my ($n, @sent) = (0);

    kill('CONT', $worker);

    my $waits = IO::Select->new(@come);

    while (my @can = $waits->can_write(10)) {
        $waits->remove($_), push(@sent, $_) for @can;
        syswrite($_, "GET /status HTTP/1.0\r\n\r\n") for @can;
    }

    for my $s (@sent) {
        $s->blocking(1);
        $n += (readline($s) // '') =~ / 200 /;
    }

    cmp_ok(scalar(@in), '<', 30, 'a short queue is full');
    is($n, 30, 'all come in, later');
}

$b->stop();
$node->done();
done_testing();


# A node whose HTTP side is the example's.

package Stentor::Node::Edge;

use parent -norequire, 'Stentor::Node';


sub conf_http($self) {
    my $dir = $self->{dir};
    my $authority = Stentor::Authority->new(dir => $dir);
    my ($pem, $key) = $authority->issue('127.0.0.1');
    my ($http) = Stentor::Example::text('edge') =~ /^(http \{.*)/ms;
    my $zone = 'limit_req_zone $join zone=joins:32m';

    return Stentor::Example::edit(
        Stentor::Example::local($http, $dir),
        'http/+' => [ map { "${_}_temp_path $dir/temp;" }
                      qw(client_body proxy fastcgi uwsgi scgi) ],
        'http/client_header_timeout' => 'client_header_timeout 1s;',
        'http/keepalive_timeout' => 'keepalive_timeout 2s;',
        'http/send_timeout' => 'send_timeout 1s;',
        'http/limit_conn' => "limit_conn addresses $EACH;",
        'http/limit_req_zone' => "$zone rate=1r/m;",
        'http/limit_req' => "limit_req zone=joins burst=$EACH nodelay;",
        'http/server/listen' => [
            "listen 127.0.0.1:$self->{http_port} reuseport backlog=65535;",
            "listen 127.0.0.1:$tls ssl http2 reuseport backlog=65535;",
            "listen 127.0.0.1:$slow sndbuf=16k;",
            "listen 127.0.0.1:$narrow backlog=4;",
        ],
        'http/server/ssl_certificate' => "ssl_certificate $pem;",
        'http/server/ssl_certificate_key' => "ssl_certificate_key $key;");
}
