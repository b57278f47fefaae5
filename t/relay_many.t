#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Relays in numbers and in trouble: a ladder, a stream that changes its
# parameters, two hundred nodes at once, nodes that read slowly or not at all.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Relay;

use List::Util qw(max);
use Time::HiRes qw(time sleep);


need('ffmpeg');

my %NODE = (stentor => 'cluster { node origin-1; role origin; }');

# What AddressSanitizer keeps of what was freed.
my $SPARE = $ENV{STENTOR_ASAN} ? 64e6 : 0;

my $LOCATION = 'location /relay/ { stentor_relay; }';


sub relay($node, %o) {
    return Stentor::Relay->new(port => $node->port_http(), %o);
}


# --- many

my ($node, $b) = on_air(%NODE, http_server => $LOCATION, window => '8s');

my @many = map { relay($node, node => "edge-$_") } 1 .. 200;
ok(Stentor::Relay::wait_all(\@many, sub ($r) { $r->of('edge') }, 30),
   'two hundred nodes have the window');
is($node->status()->{relay}{sessions}, 200, 'status: their sessions');

my $memory = $node->worker_memory();
ok(Stentor::Relay::wait_all(\@many, sub ($r) { $r->news() >= 40 }, 60),
   'and what follows');
my $grown = $node->worker_memory() - $memory;
cmp_ok($grown, '<', $SPARE + 4e6, 'which costs no memory as it goes on');

my %sums;

for my $r (@many) {
    $sums{"$_->{msn}.$_->{part}"}{ Stentor::Relay::crc($_->{pieces}[0]{body}) }
        = 1 for $r->of('part');
}

is(scalar(grep { keys %$_ != 1 } values %sums), 0, 'all have the same bytes');
conforms('in order', map { @{ $_->{violations} } } @many);

$_->close() for @many;
ok($node->wait_status(sub ($s) { $s->{relay}{sessions} == 0 }), 'all leave');

# --- other parameters

my $r = relay($node);
$r->wait_edge();
$b->stop();
$b = broadcaster($node, media => Stentor::Media::fixture(freq => 880,
    rate => 44100, channels => 1));
ok($r->wait_for(sub ($r) { $r->{last} && $r->{last}{live}
                           && $r->{last}{pieces}[0]{rate} == 44100 }, 20),
   'a broadcaster with other parameters');
is(scalar($r->of('init')), 2, 'has another init segment');
cmp_ok($r->{last}{discontinuities}, '>', 0, 'behind a discontinuity');

my ($second) = grep { $_->{type} eq 'init' } reverse @{ $r->{records} };
my ($needs) = grep { $_->{pieces}[0]{next_init} } $r->of('part');
is($needs && $needs->{pieces}[0]{next_init}, $second->{id},
   'which the last part before it names');
is($second->{rate}, 44100, 'its rate');
conforms('in order', @{ $r->{violations} });
$r->close();
$b->stop();
$node->done('TERM');

# --- a ladder, to nodes that read slowly, or not at all: few bytes are on
# their way to them, whatever the kernel likes to keep

my $narrow = Stentor::Node::free_port();
($node, $b) = on_air(%NODE, segment_parts => 3, window => '4s', workers => 1,
    application => 'rendition high bitrate=320k; rendition mid bitrate=128k;'
                   . ' rendition low bitrate=64k channels=1;',
    http_server => $LOCATION,
    http => "server { listen 127.0.0.1:$narrow sndbuf=16k; $LOCATION }");

$r = relay($node);
ok($r->wait_edge(), 'a ladder');
is(join(' ', map { $_->{name} } @{ $r->{stream}{renditions} }),
   'high mid low', 'all renditions');

$memory = $node->worker_memory();
my @dead = map { Stentor::Relay->new(port => $narrow, rcvbuf => 4096,
                                     node => "dead-$_") } 1 .. 20;
my $slow = Stentor::Relay->new(port => $narrow, rcvbuf => 16384,
                               node => 'slow-1');
ok($node->wait_status(sub ($s) { $s->{relay}{sessions} == 22 }),
   'some do not read');

# a little now and then, and what he lacks goes out of the window
my $since = time();
my $most = 0;

while (time() - $since < 16) {
    $slow->pump(4096);
    $r->pump();
    $most = max($most, $node->worker_memory());
    sleep(0.5);
}

ok($node->wait_status(sub ($s) { $s->{relay}{sessions} <= 2 }, 20),
   'who does not read is given up');
cmp_ok($most - $memory, '<', $SPARE + 22 * 400e3,
       'and has cost no more than what was on its way to him');

is($slow->wait_end(20), 'again', 'who falls out of the window begins again');
conforms('what he has is in order', @{ $slow->{violations} });
cmp_ok(scalar($slow->of('part')), '>', 0, 'and worth something');

my @bad;

for my $part (($r->of('part'))[-12 .. -1]) {
    my @bodies = fetch_all($node, map {
        "/live/studio1/$_/$part->{msn}.$part->{part}.m4s"
    } qw(high mid low));
    push(@bad, grep { $bodies[$_] ne $part->{pieces}[$_]{body} } 0 .. 2);
}

conforms('the bytes of all renditions', @bad);
conforms('in order', @{ $r->{violations} });

$_->close() for $r, $slow, @dead;
ok($node->wait_status(sub ($s) { $s->{relay}{sessions} == 0 }), 'all leave');
$b->stop();
$node->done('TERM');
done_testing();
