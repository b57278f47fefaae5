#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What is secret is told nowhere: neither in a log, be it one for debugging,
# nor by the status, the metrics, the control API, a playlist, an event or what
# nginx says of a configuration that is wrong.  Secrets that are good and such
# as are not are brought by RTMP, by SRT and between nodes; all that was said is
# then looked through for each of them, as it is and in the ways that it might
# be written in.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Keys;
use Stentor::Kit;
use Stentor::Relay;
use Stentor::SrtCaller;
use Stentor::Webhook;

use MIME::Base64 ();


need('redis-server');

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# What nobody may read, by what it is.
my %secret;


sub secret($what, $value) {
    $secret{$what} = $value;
    return $value;
}


# The ways in which a secret might be written.

sub written($value) {
    my $hex = unpack('H*', $value);
    my $percent = $value =~ s/([^A-Za-z0-9._~-])/sprintf('%%%02X', ord($1))/ger;

    return ($value, uc($value), $hex, uc($hex), $percent,
            MIME::Base64::encode_base64($value, ''));
}


# One test: none of the secrets is in what was said.

sub no_secret($where, $said) {
    my @told;

    for my $what (sort keys %secret) {
        push(@told, $what)
            if grep { index($said, $_) >= 0 } written($secret{$what});
    }

    is("@told", '', "$where: no secret in " . length($said) . ' bytes');
}


# Two: and something was said at all.

sub told_nothing($where, $said) {
    cmp_ok(length($said), '>', 0, "$where: something is said");
    no_secret($where, $said);
}


sub says_of($node) {
    return map { ($_ => $node->get($_)->{body}) }
           qw(/status /metrics /control/streams);
}


# --- broadcasters

my ($signs, $foreign) = (new_secret(), new_secret());
my $static = new_static('live/static');
my $joe = new_user('joe', 'live/joes');
my $own = new_passphrase('live/own');
my $good_file = key_file("$dir/good", $signs->{line});
my $bad_file = key_file("$dir/bad", $foreign->{line});
my $keys = key_file("$dir/keys", map { $_->{line} } $signs, $static, $joe,
                                                     $own);

secret('the secret that signs', $signs->{value});
secret('a secret of somebody else', $foreign->{value});
secret('the static key', $static->{value});
secret('the password', $joe->{value});
secret("a stream's passphrase", $own->{value});
secret('the passphrase of the port', 'port-wide+passphrase/9');
secret("the webhook's password", 'hook.pass-word');
secret("the webhook's token", 'hook-token-in-query');

# what somebody tries, who has nothing
secret("wrong: $_", "guessed-$_-which-is-none")
    for qw(key password signature application rtmp-name srt);

my $hook = Stentor::Webhook->start(answers => {
    '/ask' => [{ status => 200, body => '' }],
    '/deny' => [{ status => 403,
                  body => qq({"reason": "no $secret{'wrong: key'} here"}) }],
    '/events' => [400],
});
my $as = "hook:$secret{q(the webhook's password)}";
my $token = "token=$secret{q(the webhook's token)}";
my $gone = Stentor::Node::free_port();

my $node = Stentor::Node->new(
    log => 'debug', linger => '60s',
    application => "publish_key_file $keys;"
        . ' on_publish ' . $hook->url("/ask?$token", $as) . ';'
        . ' on_event ' . $hook->url("/events?$token", $as) . ';',
    stentor => 'application deny { on_publish '
        . $hook->url("/deny?$token", $as) . '; }'
        . " application lost { on_publish http://$as\@127.0.0.1:$gone/?$token;"
        . ' }'
        . " application users { publish_key_file $keys; }"
        . ' application other { }',
    srt => ['', "passphrase=$secret{'the passphrase of the port'}"],
);

my $good = sign_key($good_file, 'live/one');
my $bad = sign_key($bad_file, 'live/one');

secret('the signature', $good =~ s/.*sig=//r);
secret('a signature of somebody else', $bad =~ s/.*sig=//r);

sub wrong($what) { return $secret{"wrong: $what"} }

my $caster = broadcaster($node, name => "one?$good");
my @good = map { let_in($node, @$_) }
           ["static?key=$static->{value}", 'a static key'],
           ["joes?user=joe&pass=$joe->{value}", 'a password'],
           ["studio1?key=" . wrong('key'), 'where none is asked for',
            app => 'other'];

refusal_of($node, @$_)
    for ["one?$bad"], ['one?exp=1900000000&sig=' . wrong('signature')],
        ['static?key=' . wrong('key')],
        ['joes?user=joe&pass=' . wrong('password')],
        ['joes?user=' . wrong('rtmp-name') . '&pass=' . wrong('password')],
        ['?key=' . wrong('key')], ['a//b?key=' . wrong('key')],
        ['x' x 300 . '?key=' . wrong('key')],
        ['static', app => 'live?key=' . wrong('application')],
        ['static', app => 'nowhere?key=' . wrong('application')],
        ['one?key=' . wrong('key'), app => 'deny'],
        ['one?key=' . wrong('key'), app => 'lost'];

my ($s) = dialogue($node, 'users', 'joe', wrong('password'));
$s->finish();

# a user's answer is as good as his password for half a minute
my ($response) = Stentor::Keys::adobe_answer(
    'user=joe&salt=abc&challenge=def&opaque=def', 'joe', $joe->{value})
    =~ /response=([^&]+)/;
secret('an answer to a challenge', $response);

for my $id ("#!::r=live/static,m=publish,key=$static->{value}",
            "#!::r=live/one,m=publish," . $good =~ tr/&/,/r,
            '#!::r=live/static,m=publish,key=' . wrong('srt'),
            '#!::r=live/joes,m=publish,u=joe,s=' . wrong('srt'),
            'publish:live/joes:joe:' . wrong('srt'),
            '#!::r=../x,m=publish,key=' . wrong('srt'),
            '#!::r=live/static,m=request,key=' . wrong('srt'),
            '#!::r=nowhere/static,key=' . wrong('srt'),
            'live/static?key=' . wrong('srt') . '&' . 'x' x 400)
{
    my $c = Stentor::SrtCaller->connect(port => $node->port_srt(),
        streamid => $id, from => an_address());
    ok(defined $c->{code}, 'SRT: answered');
    $c->shutdown() if !$c->{code};
}

ok($node->wait_status(sub ($s) {
    return $s->{ingest}{refused_key} >= 6
           && $s->{ingest}{refused_webhook} >= 2
           && $s->{events}{failed} >= 1;
}), 'refused by keys and by the webhook, whose troubles are logged');

told_nothing('the log for debugging', $node->log());
# where it says nothing once it has its log
no_secret('its standard error', $node->stderr());
told_nothing('the access log',
             Stentor::Node::slurp($node->dir() . '/access.log') // '');

my %says = says_of($node);
told_nothing($_, $says{$_}) for sort keys %says;
told_nothing('a playlist', $node->get('/live/one/audio.m3u8')->{body});

# an event goes to the operator, who has given his own words with the URL
told_nothing('events', join("\n", map { $_->{body} }
                                  $hook->requests('/events')));

# somebody who looks for a stream is told of none
like($node->log(), qr/live\/static/, 'there is something to be found');
secret('no secret', 'live/static');
my @found = grep { index($node->log(), $_) >= 0 } written($secret{'no secret'});
is(scalar(@found), 1, 'and it would be');
delete $secret{'no secret'};

$_->close() for @good;
$caster->stop();
$node->done('TERM');


# --- configurations that are wrong

sub nginx_says($what, %o) {
    my ($rc, $said) = Stentor::Node->check(%o);
    isnt($rc, 0, "$what: refused");
    told_nothing($what, $said);
}


secret('a short passphrase', 'sh0rt+one');
secret('an odd password', 'odd pass"word');

nginx_says('a passphrase that is too short',
    srt => ["passphrase=$secret{'a short passphrase'}"]);
nginx_says('an SRT port that is wrong elsewhere',
    srt => ["passphrase=$secret{'the passphrase of the port'} latency=x"]);
nginx_says('a word too many', srt => [
    "pasphrase=$secret{'the passphrase of the port'}"]);
nginx_says('a Redis that is wrong elsewhere',
    stentor => 'cluster { node a; role edge; redis 127.0.0.1:1'
               . " password=$secret{'the password'} database=x; }");
nginx_says('a misspelt word of Redis',
    stentor => 'cluster { node a; role edge; redis 127.0.0.1:1'
               . " pasword=$secret{'the password'}; }");
nginx_says('a webhook that is none',
    application => "on_event ftp://$as\@127.0.0.1/?$token;");
nginx_says('a webhook with an argument that is none',
    application => "on_publish http://$as\@127.0.0.1/?$token timeout=x;");
nginx_says('a key file that is broken', application => 'publish_key_file '
    . key_file("$dir/broken", 'secret ' . $secret{'a short passphrase'}) . ';');
nginx_says('a secret of relays that is too short',
    stentor => 'cluster { node a; role origin; relay_secret_file '
        . key_file("$dir/short", $secret{'a short passphrase'}) . '; }');


# --- nodes among themselves

%secret = ();

my $cluster = Stentor::Cluster->new(shields => 0, edges => 1, origins => 1);
my ($origin, $edge) = ($cluster->origin(), $cluster->edge());

secret("the cluster's secret", Stentor::Node::slurp("$cluster->{dir}/relay")
                               =~ s/\s+\z//r);
secret("Redis's password", Stentor::Node::slurp("$cluster->{dir}/redis")
                           =~ s/\s+\z//r);
secret('a secret of no cluster', 'another-secret-of-relays');

my $b = broadcaster($origin);
ok($edge->wait_until(sub {
    $edge->get('/live/studio1/audio.m3u8')->{status} == 200;
}), 'the edge has the stream');

for my $by ("the cluster's secret", 'a secret of no cluster') {
    my $relay = Stentor::Relay->new(port => $origin->port_http(),
                                    secret => $secret{$by});
    my $status = $relay->wait_status();
    is($status, $by =~ /no/ ? 403 : 200, "a relay by $by: $status");
    secret("a signature by $by",
           $relay->authorization($relay->uri()) =~ s/.*sig=//r);
    $relay->close();
}

my $redis = $cluster->redis();
$redis->ask('ACL', 'SETUSER', 'stentor', 'resetpass', '>another-password');
$redis->ask('CLIENT', 'KILL', 'TYPE', $_) for qw(normal pubsub);
ok($edge->wait_status(sub ($s) {
    return $s->{cluster}{redis}{trouble} =~ /password is refused/;
}, 30), 'Redis refuses the password');

for my $n ($origin, $edge) {
    told_nothing("$n->{id}: its log", $n->log());
    told_nothing("$n->{id}: its access log",
                 Stentor::Node::slurp($n->dir() . '/access.log') // '');
    unlike($n->log(), qr/sig=[0-9a-f]{8}/i, "$n->{id}: nor any signature");
    my %of = says_of($n);
    told_nothing("$n->{id}: $_", $of{$_} // '') for sort keys %of;
}

my @known = map { join(' ', $_, @{ $redis->ask('HGETALL', $_) }) }
            grep { $redis->ask('TYPE', $_) eq 'hash' }
            @{ $redis->ask('KEYS', '*') };
told_nothing('what all nodes can read in Redis', "@known");

$b->stop();
$cluster->done();

done_testing();
