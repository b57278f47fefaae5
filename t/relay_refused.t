#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who is not given a stream: requests that are not of a node of ours, or make
# no sense, for streams that are nowhere, and more of them than there may be.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Relay;


my $CLUSTER = 'cluster { node origin-1; role origin;';
my $LOCATION = 'location /relay/ { stentor_relay; }';
my @SECRETS = ('first-secret-of-a-cluster', 'the-one-that-was-before');


sub relay($node, %o) {
    return Stentor::Relay->new(port => $node->port_http(),
                               name => 'live/door', %o);
}


sub is_refused($node, $status, $what, %o) {
    my $r = relay($node, %o);

    is($r->wait_status(), $status, "$status: $what");
    is($r->{head}{'cache-control'}, 'no-store', "$what: kept nowhere")
        if $status != 405;
    $r->close();
}


# --- configuration

my ($rc, $said) = Stentor::Node->check(http_server => $LOCATION);
is($rc, 1, 'no relays without a cluster');
like($said, qr/"stentor_relay" needs a "cluster" block/, 'says why');

for my $bad ('max=0', 'max=', 'max=x', 'min=1') {
    ($rc, $said) = Stentor::Node->check(
        stentor => "$CLUSTER }",
        http_server => "location /relay/ { stentor_relay $bad; }");
    is($rc, 1, "stentor_relay $bad");
    like($said, qr/invalid parameter "\Q$bad\E"/, 'says what');
}

($rc, $said) = Stentor::Node->check(stentor => "$CLUSTER }",
    http_server => 'location /relay/ { stentor_relay; stentor_relay; }');
like($said, qr/is duplicate/, 'once in a location');

# --- requests

my $node = Stentor::Node->new(stentor => "$CLUSTER }", workers => 1,
    http_server => 'location /relay/ { stentor_relay max=3; }');
$node->control('open', 'live/door');

my $N = 'node=edge-1';
my @BAD = ('', 'node=', 'node', 'nodes=x', 'node=a/b', 'node=..', 'node=a%20b',
           'node=' . 'a' x 65, "$N&epoch=", "$N&epoch=-1", "$N&epoch=1x",
           "$N&epoch=4611686018427387904", "$N&epoch=99999999999999999999",
           "$N&after=", "$N&after=1", "$N&after=1.2", "$N&after=1.2:",
           "$N&after=1.2:0000000", "$N&after=1.2:000000000",
           "$N&after=1.2:0000000g", "$N&after=1:2.00000000",
           "$N&after=.2:00000000", "$N&after=1.:00000000",
           "$N&after=-1.2:00000000", "$N&after=1.32:00000000",
           "$N&after=99999999999999999999.0:00000000");

is_refused($node, 400, $_ || 'no query', query => $_) for @BAD;

for my $name ('', 'door', '/', 'live/', 'live/../door2',
              'live/' . 'a' x 65, 'live/' . 'a/' x 80 . 'b')
{
    is_refused($node, 404, "\"$name\"", name => $name);
}

is_refused($node, 405, $_, method => $_) for qw(HEAD POST PUT DELETE);

my $good = relay($node, query => "x=y&$N&epoch=0&after=1.31:0123aBcD&z");
ok($good->wait_edge(), 'what is well-formed is answered');
$good->close();

my $status = $node->status()->{relay};
cmp_ok($status->{refused}, '>=', @BAD, 'status: refused');
cmp_ok($status->{requests}, '>', $status->{refused}, 'status: requests');
unlike($node->log(), qr/\[(?:error|warn)\]/, 'no matter for the operator');

# --- too many

$node->wait_status(sub ($s) { $s->{relay}{sessions} == 0 });
my @three = map { relay($node, node => "edge-$_") } 1 .. 3;
$_->wait_edge() for @three;
is_refused($node, 503, 'one more than there may be');
$three[0]->close();
$node->wait_status(sub ($s) { $s->{relay}{sessions} == 2 });
ok(relay($node)->wait_edge(), 'another one takes a place that is free');
ok($three[1]->wait_parts(2), 'who has one keeps it');
$_->close() for @three;
$node->done('TERM');

# --- a stream that is nowhere

$node = Stentor::Node->new(stentor => "$CLUSTER }",
                           http_server => $LOCATION);
my $r = relay($node, name => 'live/nowhere');
is($r->wait_status(), 200, 'a stream that is nowhere');
is($r->wait_end(), 'absent', 'which takes a moment to find out');
is(scalar($r->of('stream')), 0, 'no stream');

# one that comes while somebody waits for it
$r = relay($node, name => 'live/soon');
is($r->wait_status(), 200, 'a stream that is not there yet');
$node->control('open', 'live/soon');
ok($r->wait_edge(), 'a stream that comes while it is waited for');
is(scalar(@{ ($r->of('beat'))[0]{chain} }), 0,
   'there was nobody to have it from');
is($r->{stream}{chain}[0], 'origin-1', 'and then there is');
$r->close();

$node->done('TERM');

# --- secrets

$node = Stentor::Node->prepare(
    stentor => "$CLUSTER relay_secret_file secret previous=previous; }",
    http_server => $LOCATION, expected => qr/relay request is answered 403/);
Stentor::Node::spew($node->dir() . '/secret', "$SECRETS[0]\n");
Stentor::Node::spew($node->dir() . '/previous', "$SECRETS[1]\n");
$node->start();
$node->control('open', 'live/door');

for my $secret (@SECRETS) {
    ok(relay($node, secret => $secret)->wait_edge(), 'who knows a secret');
}

my %FORGED = (
    'no signature' => {},
    'another secret' => { secret => 'third-secret-of-a-cluster' },
    'a signature for another node' => { sign => { node => 'edge-2' } },
    'a signature for another stream' =>
        { sign => { uri => '/relay/live/other?node=edge-1' } },
    'a signature without the query' =>
        { sign => { uri => '/relay/live/door' } },
    'a signature whose time is over' => { exp => -1 },
    'a signature of too far a time' => { exp => 3600 },
    'a password' => { authorization => 'Basic Zm9vOmJhcg==' },
    'the secret itself' => { authorization => "Stentor $SECRETS[0]" },
    'half a signature' => { authorization => 'Stentor exp=99999999999' },
);

for my $what (sort keys %FORGED) {
    my %how = %{ $FORGED{$what} };
    $how{secret} //= $SECRETS[0]
        if %how && !exists $how{authorization};
    is_refused($node, 403, $what, %how);
}

is(scalar(() = $node->log() =~ /relay request is answered 403/g),
   scalar(keys %FORGED), 'each is in the log');

my $logs = $node->log()
           . Stentor::Node::slurp($node->dir() . '/access.log');
my ($sig) = relay($node, secret => $SECRETS[0])->authorization('/x')
            =~ /sig=(\w+)/;
unlike($logs, qr/\Q$SECRETS[1]\E|\Q$sig\E|sig=/,
       'without secrets and signatures');

$node->done('TERM');
done_testing();
