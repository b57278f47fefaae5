#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The cluster {} block as nginx -t sees it: what each directive takes, what is
# refused and in which words, and that no word is a secret.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;

use File::Temp ();


my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $n = 0;


sub file($bytes) {
    my $path = "$dir/" . $n++;
    Stentor::Node::spew($path, $bytes);
    return $path;
}


sub check($block) {
    return Stentor::Node->check(stentor => "cluster { $block }");
}


sub takes($block, $what = $block) {
    my ($rc, $said) = check($block);
    ok($rc == 0 && $said !~ /\[(?:emerg|warn)\]/, substr($what, 0, 66))
        or diag($said);
}


sub refuses($block, $reason, $what = $block) {
    my ($rc, $said) = check($block);
    ok($rc == 1 && $said =~ /\[emerg\] $reason in \S+nginx\.conf:\d+$/m,
       substr("refused: $what", 0, 66)) or diag($said);
}


my $U = 'http://a:8080/relay';
my $R = '127.0.0.1:6379';
my $max = 'http://a/' . 'x' x 245;

# --- what each directive takes

takes($_) for (
    '',
    'node a;', 'node ' . 'x' x 63 . ';', 'node a.b-c_9;',
    'role origin;', 'region eu;', 'capacity 20000;',
    "relay $U;", 'relay https://[::1]/;', 'listen HTTPS://a.example;',
    "origin $U;", "origin $U/ $U/; origin https://b/;",
    "role edge; origin $U;", "role shield; origin $U;",
    "relay $U; redis $R;", "role edge; redis $R;",
    "role shield; relay $U; redis $R;",
    "relay $U; redis localhost:6379;", "relay $U; redis [::1]:6379;",
    "relay $U; redis unix:/run/redis.sock;",
    "relay $U; redis $R user=a password=b database=3 prefix=x: timeout=50ms;",
    "relay $U; redis $R password=b; redis timeout=100ms;",
    "relay $U; redis 127.0.0.1:1 127.0.0.1:2 master=m; redis 127.0.0.1:3;",
    "relay $U; redis $R timeout=500ms; lease 1500ms;",
    'lease 500ms;', 'lease 60s;', 'relay_idle 0;', 'relay_timeout 500ms;',
    'relay_lag 100ms;',
    'relay_ca ' . file('a certificate') . ';',
);

takes("relay $max;", 'a URL of 254 characters');
takes("relay $U; redis $R password_file=" . file("  pass word\n") . ';',
      'a password from a file');
takes('relay_secret_file ' . file(' ' . 'x' x 16 . "\r\n\n") . ';',
      'a secret of 16 bytes and white space');
takes('relay_secret_file ' . file('x' x 1024) . ' previous='
      . file('y' x 16) . ';', 'a secret of 1024 bytes, and a previous one');

# --- what is refused

for my $case (
    ['node "";', 'invalid node id ""'],
    ['node a/b;', 'invalid node id "a/b"'],
    ['node ' . 'x' x 64 . ';', 'invalid node id "x{64}"'],
    ['node a; node b;', '"node" directive is duplicate'],
    ['node;', 'invalid number of arguments in "node" directive'],
    ['role hub;', 'invalid role "hub": it is "origin", "shield" or "edge"'],
    ['role edge; role edge;', '"role" directive is duplicate'],
    ['region "e u";', 'invalid region "e u"'],
    ['region a; region b;', '"region" directive is duplicate'],
    ['capacity many;', '"capacity" directive invalid number'],
    ['capacity 4294967296;', '"cluster" has a "capacity" of more than .*'],

    ['relay ftp://a/;', '"relay" directive has no valid http:.* URL'],
    ['relay http:///a;', '"relay" directive has no valid http:.* URL'],
    ['relay a.example;', '"relay" directive has no valid http:.* URL'],
    ['relay http://a/?b;', '"relay" directive has a URL with a query, .*'],
    ['relay http://a/#b;', '"relay" directive has a URL with a query, .*'],
    ['listen "http://a/ b";', '"listen" directive has a URL with char.*'],
    ["relay $U; relay $U;", '"relay" directive is duplicate'],
    ["listen $U; listen $U;", '"listen" directive is duplicate'],
    ["origin $U b;", '"origin" directive has no valid http:.* URL'],
    ['origin ' . join(' ', map { "http://$_/" } 1 .. 9) . ';',
     '"origin" directive has more than 8 origins'],

    ['role edge;', '"cluster" of a shield or an edge needs "redis" or .*'],
    ["role shield; relay $U;", '"cluster" of a shield or an edge needs .*'],
    ["role shield; redis $R;", '"cluster" of a shield needs "relay": .*'],

    ['redis 127.0.0.1;', 'redis "127.0.0.1" is not HOST:PORT or unix:PATH'],
    ['redis 127.0.0.1:0;', 'invalid port in redis "127.0.0.1:0"'],
    ['redis 127.0.0.1:70000;', 'invalid port in redis "127.0.0.1:70000"'],
    ['redis 127.0.0.1:6379/1;', 'invalid host in redis "\S+"'],
    ['redis no.such.host.invalid:1;',
     'host not found in redis "no.such.host.invalid:1"'],
    ['redis unix:;', 'no path in the unix domain socket in redis "unix:"'],
    ['redis 127.0.0.1:1 127.0.0.1:2;',
     '"cluster" has several servers of "redis": .* need "master="'],
    ['redis 127.0.0.1:1; redis 127.0.0.1:2;',
     '"cluster" has several servers of "redis": .*'],
    ['redis ' . join(' ', map { "127.0.0.1:$_" } 1 .. 17) . ' master=m;',
     '"redis" directive has more than 16 addresses'],
    ['redis database=1;', '"cluster" has a "redis" without a server'],
    ['redis timeout=1s;', '"cluster" has a "redis" without a server'],
    ["redis $R colour=red;", 'invalid parameter "colour=" of redis'],
    ["redis $R user=;", 'invalid parameter "user=" of redis'],
    ["redis $R user=a;", '"cluster" has a "redis" with a user and no .*'],
    ["redis $R user=a user=b;", 'duplicate parameter "user=" of redis'],
    ["redis $R database=x;", 'invalid parameter "database=" of redis'],
    ["redis $R database=1024;", 'invalid parameter "database=" of redis'],
    ["redis $R database=1 database=1;",
     'duplicate parameter "database=" of redis'],
    ["redis $R 'prefix=a b';", 'invalid parameter "prefix=" of redis'],
    ["redis $R prefix=" . 'x' x 65 . ';',
     'invalid parameter "prefix=" of redis'],
    ["redis $R timeout=19ms;", 'invalid parameter "timeout=" of redis'],
    ["redis $R timeout=11s;", 'invalid parameter "timeout=" of redis'],
    ["redis $R timeout=1s timeout=1s;",
     'duplicate parameter "timeout=" of redis'],
    ["redis $R master=;", 'invalid parameter "master=" of redis'],

    ['lease 499ms;', '"cluster" has a "lease" that is not between .*'],
    ['lease 61s;', '"cluster" has a "lease" that is not between .*'],
    ['lease x;', '"lease" directive invalid value'],
    ["redis $R timeout=501ms; relay $U;",
     '"cluster" has a "lease" of less than three times the "timeout" .*'],
    ['relay_timeout 499ms;', '"cluster" has a "relay_timeout" of less .*'],
    ['relay_lag 99ms;', '"cluster" has a "relay_lag" of less than 100ms'],
    ['relay_ca /no/such;', 'open\(\) "/no/such" failed .*'],
    ['relay_secret_file /no/such;', 'open\(\) "/no/such" failed .*'],
    ["relay_secret_file $dir;", 'read\(\) "\S+" failed .*'],
    ['zone 8m;', '"zone" directive is not allowed here'],
    ['window 60s;', '"window" directive is not allowed here'],
    ['cluster { }', '"cluster" directive is not allowed here'],
) {
    refuses(@$case);
}

my ($rc, $said) = Stentor::Node->check(stentor => 'cluster { } cluster { }');
like($said, qr/\[emerg\] "cluster" directive is duplicate/, 'one block');

($rc, $said) = Stentor::Node->check(application => 'node a;');
like($said, qr/\[emerg\] "node" directive is not allowed here/,
     'only there');

refuses("relay ${max}x;", '"relay" directive has a URL of more than 254 .*',
        'a URL of 255 characters');

($rc, $said) = check("redis $R;");
ok($rc == 0 && $said =~ /\[warn\] no "relay" in "cluster"/,
   'an origin that nobody finds is warned of');

# --- no word is a secret

my $secret = 'hUsH-hUsH-hUsH';
my $short = file($secret);
my $long = file($secret x 100);

for my $case (
    ["redis $R password=$secret password=$secret;",
     'duplicate parameter "password=" of redis'],
    ["redis $R password=$secret password_file=$short;",
     'duplicate parameter "password_file=" of redis'],
    ["redis $R passwort=$secret;", 'invalid parameter "passwort=" of redis'],
    ["redis redis://:$secret\@a:6379;", '"redis" directive has HOST:PORT .*'],
    ["redis :$secret\@a:6379;", '"redis" directive has HOST:PORT .*'],
    ["relay http://a:$secret\@b/;", '"relay" directive has a URL with .*'],
    ["origin http://a:$secret\@b/;", '"origin" directive has a URL with .*'],
    ["relay_secret_file $short;",
     '"relay_secret_file" directive has a secret of less than 16 bytes'],
    ["relay_secret_file $long;", '"\S+" is longer than 1024 bytes'],
    ["redis $R password_file=" . file("\n ") . ';',
     'invalid parameter "password_file=" of redis'],
    ["relay_secret_file " . file('x' x 16) . " previous=$short;",
     '"relay_secret_file" directive has a secret of less than 16 bytes'],
    ["relay_secret_file " . file('x' x 16) . " $short;",
     'invalid parameter "\S+"'],
    ["relay_secret_file " . file('x' x 16) . '; relay_secret_file '
     . file('x' x 16) . ';', '"relay_secret_file" directive is duplicate'],
) {
    refuses(@$case);
    unlike((check($case->[0]))[1], qr/hUsH/, 'and the secret not told');
}

# --- TLS to Redis

my $ca = Stentor::Authority->new(dir => $dir);
my $other = Stentor::Authority->new(dir => $dir, name => 'other');
my ($cert, $key) = $ca->issue('node');
my $locked = "$dir/locked.key";
my $no = 'is not fit for TLS to redis';

$ca->openssl('rsa', '-aes256', '-passout', "pass:$secret", '-in', $key,
             '-out', $locked);

takes("relay $U; redis $R $_;", $_ =~ s/=\S+/=/gr) for (
    'tls', "tls ca=$ca->{pem}", 'tls tls_name=redis.example',
    "tls ca=$ca->{pem} cert=$cert key=$key tls_name=::1",
    '127.0.0.1:2 master=m tls',
);

for my $case (
    ["tls ca=/no/such;", qq{"/no/such" $no: .*}],
    ["tls ca=$short;", qq{"$short" $no: .*}],
    ["tls cert=/no/such key=$key;", qq{"/no/such" $no: .*}],
    ["tls cert=$cert key=$ca->{pem};", qq{"$ca->{pem}" $no: .*}],
    ["tls cert=$cert key=$dir/other.key;",
     qq{"$dir/other.key" $no: key values mismatch}],
    ["tls cert=$cert key=$locked;", qq{"$locked" $no: .*}],
    ["tls cert=$cert;", '"cluster" has a "redis" with one of "cert" and .*'],
    ["tls key=$key;", '"cluster" has a "redis" with one of "cert" and .*'],
    ["tls ca=;", 'invalid parameter "ca=" of redis'],
    ["tls tls_name=a tls_name=b;", 'duplicate parameter "tls_name=" of redis'],
    (map { ["$_=x;", '"cluster" has a "redis" with "ca", .* and no "tls"'] }
         qw(ca tls_name cert key)),
) {
    my ($says, $reason) = @$case;
    refuses("relay $U; redis $R $says", $reason, $says =~ s/=\S+/=/gr);
}

refuses('redis unix:/run/redis.sock tls;',
        '"cluster" has a "redis" with "tls" and a Unix socket');
refuses('redis tls;', '"cluster" has a "redis" without a server');

# --- a reload brings the block, and takes it away

my $node = Stentor::Node->new(stentor => '# here');
my $path = $node->dir() . '/nginx.conf';
my $conf = Stentor::Node::slurp($path);

for my $block ('cluster { node a; }', '', "cluster { redis $R; relay $U; }") {
    Stentor::Node::spew($path, $conf =~ s/# here/$block/r);
    $node->reload();
    is($node->get('/live/none/1.0.m4s')->{status}, 404,
       'reloaded with ' . ($block || 'none'));
}

$node->done();

# --- and one for which there is no room is refused as a whole

my ($streams) = grep { (fits($_, ''))[0] == 0 && (fits($_, 'cluster { }'))[0] }
                map { $_ * 50 } 8 .. 40;


sub fits($streams, $block) {
    return Stentor::Node->check(zone => '8m',
                                stentor => "streams $streams; $block");
}


my $small = qr/\[emerg\].*"zone" is too small for \d+ streams and the cluster/;

$node = Stentor::Node->new(zone => '8m', expected => $small,
                           stentor => "streams $streams; # here");
$path = $node->dir() . '/nginx.conf';
Stentor::Node::spew($path, Stentor::Node::slurp($path)
                           =~ s/# here/cluster { }/r);

my @workers = $node->worker_pids();
kill('HUP', $node->{pid});
ok($node->wait_until(sub { $node->log() =~ $small }), 'no room: refused');
is_deeply([ $node->worker_pids() ], \@workers, 'the node goes on as it was');
is($node->get('/status')->{status}, 200, 'and answers');
$node->done();

done_testing();
