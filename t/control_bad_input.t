#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who may open and close streams, and what is not understood: each request is
# refused with its reason, opens nothing, and leaves its connection usable.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use JSON::PP ();


my $nginx = Stentor::Node::which($ENV{STENTOR_NGINX} // 'nginx');
my $realip = `$nginx -V 2>&1` =~ /http_realip_module/;
my $from = $realip
           ? 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;' : '';

my $node = Stentor::Node->new(
    stentor => 'streams 2;',
    http_server => <<"END",
        server_name radio.example *.wild.example;
        location /others/ { stentor_control 10.0.0.0/8 2001:db8::/32; }
        location /mine/ { stentor_control 192.0.2.1 127.0.0.0/8; }
        location /any { stentor_control any; $from }
        location /loop/ { stentor_control; $from }
        location /list/ { stentor_control 10.0.0.0/8 2001:db8::/32; $from }
END
);

my $OPEN = '{"stream":"live/x"}';

sub streams() { return scalar(@{ $node->status()->{streams} }) }


# An answer to a request that is refused; the connection serves another one
# after it, unless it is closed.

sub refused($what, $status, $reason, $c) {
    my $r = $c->response();
    is($r ? $r->{status} : 'none', $status, "$what: $status");
    return if !$r;

    my $json = eval { JSON::PP::decode_json($r->{body}) };
    is(ref($json) ? join(' ', keys %$json) : 'not JSON', 'error',
       "$what: an error in JSON");
    like($json->{error} // '', $reason, "$what: the reason");

    if (($r->{headers}{connection} // '') eq 'close') {
        ok($c->wait_close(5), "$what: the connection is closed");
        return $r;
    }

    $c->request('GET', '/control/streams');
    my $next = $c->response(2);
    is($next ? $next->{status} : 'none', 200,
       "$what: the connection is usable");
    is($next ? $next->{body} : '', "{\n  \"streams\": []\n}\n",
       "$what: nothing is open");

    return $r;
}


sub post($path, $body, %headers) {
    my $c = $node->http();
    $c->post($path, $body, %headers);
    return $c;
}


# --- bodies

my $long = '{"stream":"live/' . 'x' x 200 . '"}';

for my $case (
    ['nothing', ''],
    ['no JSON', 'stream=live/x'],
    ['half an object', '{"stream":"live/x"'],
    ['more than an object', '{"stream":"live/x"} x'],
    ['a string', '"live/x"'],
    ['a list', '[{"stream":"live/x"}]'],
    ['no UTF-8', "{\"stream\":\"live/\xff\"}"],
    ['a member twice', '{"stream":"live/x","stream":"live/y"}'],
    ['very deep', '[' x 2000 . ']' x 2000],
) {
    refused($case->[0], 400, qr/not a JSON object/,
            post('/control/open', $case->[1]));
}

refused('an unknown member', 400, qr/member that is not known/,
        post('/control/open', '{"stream":"live/x","force":true}'));

for my $value ('null', '1', '["live/x"]', '{}') {
    refused("a name that is $value", 400, qr/"stream" is not a string/,
            post('/control/open', "{\"stream\":$value}"));
}

refused('no member', 400, qr/"stream" is not a string/,
        post('/control/open', '{}'));

for my $name ('x', 'live', '', 'live/' . 'x' x 200) {
    refused('name "' . substr($name, 0, 10) . '"', 400,
            qr/not application\/name/,
            post('/control/open', JSON::PP::encode_json({ stream => $name })));
}

for my $name ('live/', '/x', '/', 'live//x', 'live/../x', 'live/..',
              'live/x y', "live/x\n", 'live/x%2f', "live/\x{e9}", 'live/a?b',
              'live/' . 'x' x 65)
{
    refused('name "' . $name =~ s/[^ -~]/?/gr . '"', 400,
            qr/characters that no name has|not application/,
            post('/control/open', JSON::PP::encode_json({ stream => $name })));
}

refused('a name with NUL', 400, qr/not a JSON object/,
        post('/control/open', '{"stream":"live/x\u0000y"}'));

refused('an unknown application', 404, qr/no such application/,
        post('/control/open', '{"stream":"dead/x"}'));
refused('an application alone', 404, qr/no such application/,
        post('/control/open', '{"stream":"liv/e/x"}'));
refused('close of nothing', 404, qr/no such stream/,
        post('/control/close', $OPEN));

# --- lengths

refused('4097 bytes', 413, qr/too long/,
        post('/control/open', $OPEN . ' ' x (4097 - length($OPEN))));
refused('a megabyte', 413, qr/too long/,
        post('/control/open', ' ' x 1_000_000));

my $c = $node->http();
$c->send("POST /control/open HTTP/1.1\r\nHost: localhost\r\n"
         . "Transfer-Encoding: chunked\r\n\r\n"
         . sprintf("%x\r\n%s\r\n", 2000, ' ' x 2000) x 3 . "0\r\n\r\n",
         'POST');
refused('6000 bytes in chunks', 413, qr/too long/, $c);

# --- what may be asked

for my $method (qw(PUT DELETE PATCH OPTIONS)) {
    $c = $node->http();
    $c->send("$method /control/open HTTP/1.1\r\nHost: localhost\r\n"
             . 'Content-Length: ' . length($OPEN) . "\r\n\r\n$OPEN", $method);
    my $r = refused($method, 405, qr/only GET and POST/, $c);
    like($r->{headers}{allow} // '', qr/GET.*POST/, "$method: Allow");
}

for my $path (qw(/control/openn /control/Open /control/open/x /control/streams
                 /control/))
{
    refused("POST $path", 404, qr/there is only "open" and "close"/,
            post($path, $OPEN));
}

for my $path (qw(/control/open /control/close /control/streamss)) {
    $c = $node->http();
    $c->request('GET', $path);
    refused("GET $path", 404, qr/only "streams"/, $c);
}

$c = $node->http();
$c->request('HEAD', '/control/streams');
is($c->response()->{status}, 200, 'HEAD');

# a body that looks like a request must not become one
$c = $node->http();
$c->send("PUT /control/open HTTP/1.1\r\nHost: localhost\r\n"
         . "Content-Length: 46\r\n\r\n"
         . "GET /status HTTP/1.1\r\nHost: localhost\r\nX: 12\r\n\r\n", 'PUT');
refused('a request in a body', 405, qr/only GET and POST/, $c);

# --- pages of other sites

for my $origin ('http://evil.example', 'null', 'http://localhost.evil.example',
                'http://evil-localhost', 'localhost', '', 'http://localhost:81')
{
    refused("origin '$origin'", 403, qr/other sites/,
            post('/control/open', $OPEN, Origin => $origin));
}

# --- pages of a site whose name has been pointed here: the browser takes them
# for this one's own, and says nothing with GET

for my $host ('evil.example', 'evil.example:8080', 'localhost.evil.example',
              '127.0.0.1.evil.example', 'xlocalhost', 'a.wild.example')
{
    my %from = (Host => $host, Origin => "http://$host");
    refused("host '$host'", 403, qr/other sites/,
            post('/control/open', $OPEN, %from));
    refused("host '$host', on the list", 403, qr/other sites/,
            post('/mine/open', $OPEN, %from));

    $c = $node->http();
    $c->request('GET', '/control/streams', Host => $host);
    refused("GET from '$host'", 403, qr/other sites/, $c);
}

for my $host ('127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:8080',
              'localhost:8080', 'LocalHost', 'radio.example',
              'RADIO.example:81')
{
    is(post('/control/close', $OPEN, Host => $host,
            Origin => "http://$host")->response()->{status}, 404,
       "host '$host' is heard");
}

is(post('/any/close', $OPEN, Host => 'evil.example')->response()->{status},
   404, '"any" leaves that to others');
$c = $node->http();
$c->send("GET /control/streams HTTP/1.0\r\n\r\n", 'GET');
is($c->response()->{status}, 200, 'what names no host is no browser');

# --- addresses

refused('not on the list', 403, qr/address/, post('/others/open', $OPEN));

SKIP: {
    skip('nginx has no realip module', 16) if !$realip;

    for my $address (qw(192.0.2.1 128.0.0.1 ::2 ::ffff:10.0.0.1 fe80::1)) {
        refused("$address where none is listed", 403, qr/address/,
                post('/loop/open', $OPEN, 'X-Real-IP' => $address));
    }

    refused('another network', 403, qr/address/,
            post('/list/open', $OPEN, 'X-Real-IP' => '11.0.0.1'));
    refused('another network of IPv6', 403, qr/address/,
            post('/list/open', $OPEN, 'X-Real-IP' => '2001:db9::1'));

    for my $case (['/loop', '127.8.9.1'], ['/loop', '::1'],
                  ['/loop', '::ffff:127.0.0.1'], ['/list', '10.1.2.3'],
                  ['/list', '2001:db8::7'], ['/any', '192.0.2.1'])
    {
        my ($path, $address) = @$case;
        my $r = post("$path/close", $OPEN, 'X-Real-IP' => $address)
                ->response();
        is($r->{status}, 404, "$address is heard at $path");
    }
}

is(streams(), 0, 'after all of that nothing is open');

# --- what is fine

for my $case (['/control/open', 'own'], ['/mine/open', 'on the list'],
              ['/any/open', 'any'], ['/control//open/', 'slashes'])
{
    my $r = post($case->[0], $OPEN)->response();
    is($r->{status}, 200, "opened: $case->[1]");
}

for my $origin ('http://localhost', 'https://localhost', 'HTTP://LocalHost') {
    is(post('/control/open', $OPEN, Origin => $origin)->response()->{status},
       200, "from its own page: $origin");
}

is(post('/control/open', " \n$OPEN\n" . ' ' x (4096 - length($OPEN) - 3))
   ->response()->{status}, 200, '4096 bytes');
is(post('/control/open', '{"stream":"live/\u0078"}')->response()->{status},
   200, 'escaped');
is(streams(), 1, 'it is one and the same stream');

# --- as many as there may be

is(post('/control/open', '{"stream":"live/y"}')->response()->{status}, 200,
   'the last one');
my $r = post('/control/open', '{"stream":"live/z"}')->response();
is($r->{status}, 503, 'one too many');
like($r->{body}, qr/as many streams/, 'with the reason');

# who leaves while he waits is forgotten
for (1 .. 5) {
    post('/control/close', '{"stream":"live/y"}')->close();
    ok($node->wait_stream('live/y', sub ($st) {
        return !$st || $st->{state} eq 'closed';
    }), 'it is closed though nobody waits');
    is(post('/control/open', '{"stream":"live/y"}')->response()->{status}, 200,
       'and opened');
}

$node->done('TERM');


# --- what nginx -t says

for my $case (
    ['stentor_control 10.0.0.0/33;', qr/invalid address "10\.0\.0\.0\/33"/],
    ['stentor_control localhost;', qr/invalid address "localhost"/],
    ['stentor_control any 10.0.0.1;', qr/invalid address "any"/],
    ['stentor_control; stentor_control;', qr/is duplicate/],
) {
    my ($rc, $said) = Stentor::Node->check(
        http_server => "location /c/ { $case->[0] }");
    is($rc, 1, "refused: $case->[0]");
    like($said, $case->[1], 'with the reason');
}

done_testing();
