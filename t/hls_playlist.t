#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Every playlist as text and as an HTTP resource: conformance of each variant,
# what blocking reloads and deltas ask for (section 6.2.5), and caching,
# compression and cross-origin headers.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my ($node, $b) = on_air(window => '15s');
my $URL = '/live/studio1';
my $LL = "$URL/audio.m3u8";


sub p($query = '', %headers) {
    my $r = $node->get("$LL$query", %headers);
    return ($r, $r->{status} == 200 ? Stentor::Playlist::parse($r->{text})
                                    : undef);
}


# The status of a query, and that it was not held.

sub at_once($what, $query, $status) {
    my $r = $node->get("$LL$query");
    is($r->{status}, $status, "$what: $query");
}


# --- text

my $main = $node->get("$URL/index.m3u8");
is($main->{status}, 200, 'multivariant playlist');
conforms('multivariant playlist conforms',
         Stentor::Conformance::check_multivariant($main->{text}));
like($main->{text}, qr/^audio\.m3u8$/m, 'its variant is the media playlist');

my ($r, $p) = p();
is($r->{status}, 200, 'media playlist');
conforms('media playlist conforms', Stentor::Conformance::check($p));
is($p->{part_target} + 0, 0.192, 'part target is the grid');
is($p->{td}, 1, 'target duration is that of a full segment');

my $std = $node->get("$URL/audio-std.m3u8");
is($std->{status}, 200, 'classic playlist');
my $sp = Stentor::Playlist::parse($std->{text});
conforms('classic playlist conforms',
         Stentor::Conformance::check($sp, std => 1));

(undef, $p) = p();
my %by_msn = map { $_->{msn} => $_ } @{ $p->{segments} };
my @same = grep { $by_msn{ $_->{msn} } } @{ $sp->{segments} };
is_deeply([ map { "$_->{uri} $_->{extinf} $_->{pdt}" } @same ],
          [ map { my $s = $by_msn{ $_->{msn} };
                  "$s->{uri} $s->{extinf} $s->{pdt}" } @same ],
          'classic playlist lists the same segments');

# --- blocking reload

my ($msn, $n) = $p->next_part();
($r, my $next) = p("?_HLS_msn=$msn&_HLS_part=$n");
is($r->{status}, 200, 'next part: answered');
ok($next && defined $next->segment($msn)->{parts}[$n],
   'next part: the answer lists it');
conforms('next part: conforms', Stentor::Conformance::check($next),
         Stentor::Conformance::check_pair($p, $next));

($r, $p) = p();
$msn = $p->last_msn() + 1;
($r, $next) = p("?_HLS_msn=$msn");
cmp_ok($next->last_msn(), '>=', $msn,
       'msn alone is held until the whole segment is there');

$msn = $next->last_msn() + 2;
($r, $next) = p("?_HLS_msn=$msn");
is($r->{status}, 200, 'two segments ahead is held');
cmp_ok($next->last_msn(), '>=', $msn, 'and answered with that segment');

(undef, $p) = p();
$msn = $p->{open}{msn};
($r, $next) = p("?_HLS_msn=$msn&_HLS_part=6");
my ($m, $i) = $next->last_part();
cmp_ok($m, '>', $msn,
       'a part index past the end waits for the next segment\'s first');

(undef, $p) = p();
$msn = $p->last_msn();
($r, $next) = p("?_HLS_msn=$msn&_HLS_part=6");
($m, $i) = $next->last_part();
cmp_ok($m, '>', $msn, 'so does one past the end of a whole segment');

(undef, $p) = p();
($r, $next) = p("?_HLS_msn=" . ($p->{mseq} - 5));
cmp_ok($next->{mseq}, '>=', $p->{mseq}, 'a removed msn: the full playlist');
($r, $next) = p("?_HLS_msn=0&_HLS_part=0");
is($r->{status}, 200, 'msn 0, part 0: the full playlist');

($r, $next) = p("?_HLS_part=$n&_HLS_msn=" . $next->{open}{msn});
is($r->{status}, 200, 'directives in another order');
(undef, $p) = p();
($msn, $n) = $p->next_part();
my $coded = join('', map { sprintf('%%%02x', ord) } split(//, $msn));
($r, $next) = p("?token=a%26b&%5FHLS%5Fmsn=$coded&x&_HLS_part=$n&y=1");
is($r->{status}, 200, 'directives percent-encoded, among others');
ok($r->{status} == 200 && defined $next->segment($msn)->{parts}[$n],
   'and they are understood');

at_once('unknown directive', '?_HLS_foo=1', 200);
at_once('unknown parameters', '?a=b&c&&=&%zz', 200);
at_once('part without msn', '?_HLS_part=0', 400);

(undef, $p) = p();
at_once('far ahead', '?_HLS_msn=' . ($p->last_msn() + 6), 400);
at_once('far ahead', '?_HLS_msn=' . ($p->last_msn() + 6) . '&_HLS_part=0',
        400);
at_once('part far ahead', "?_HLS_msn=$p->{open}{msn}&_HLS_part=40", 400);

for my $v ('abc', '-1', '1.5', '', '%20', '0x10', '+1', '1e3', '%00',
           '18446744073709551616', '9' x 30, '9' x 2000)
{
    my $said = length($v) > 30 ? 'very long' : $v;
    is($node->get("$LL?_HLS_msn=$v")->{status}, 400, "_HLS_msn=$said");
    is($node->get("$LL?_HLS_msn=1&_HLS_part=$v")->{status}, 400,
       "_HLS_part=$said");
}

# --- deltas

# The full and the delta playlist of one version: asked for as long as no
# part comes in between.

my ($full, $delta);

for my $skip ('YES', 'v2') {
    for (1 .. 20) {
        (undef, $full) = p();
        ($r, $delta) = p("?_HLS_skip=$skip");
        last if "@{[ $full->next_part() ]}" eq "@{[ $delta->next_part() ]}";
    }

    conforms("delta $skip conforms", Stentor::Conformance::check($delta),
             Stentor::Conformance::check_delta($full, $delta));
}

(undef, $p) = p();
($msn, $n) = $p->next_part();
($r, $delta) = p("?_HLS_msn=$msn&_HLS_part=$n&_HLS_skip=YES",
                 'Accept-Encoding' => 'gzip');
ok($delta->{skip}, 'a delta, held and compressed');
is($r->{headers}{'content-encoding'}, 'gzip', 'is compressed');
conforms('and follows what was', Stentor::Conformance::check($delta),
         Stentor::Conformance::check_pair($p, $delta));

# --- compression

# Two answers of one version: bodies, whatever their encoding.

sub same_version($path, $h1, $h2) {
    my ($x, $y);

    for (1 .. 20) {
        $x = $node->get($path, %$h1);
        $y = $node->get($path, %$h2);
        return ($x, $y) if $x->{text} eq $y->{text};
    }

    return ($x, $y);
}


for my $path ($LL, "$URL/index.m3u8", "$URL/audio-std.m3u8") {
    my ($plain, $gzip) = same_version($path, {},
                                      { 'Accept-Encoding' => 'br, gzip' });

    is($plain->{text}, $gzip->{text}, "gzip of $path: the same text");
    is($gzip->{headers}{'content-encoding'}, 'gzip', "gzip of $path");
    ok(!exists $plain->{headers}{'content-encoding'}, "$path as it is");
    isnt($plain->{headers}{etag}, $gzip->{headers}{etag},
         "$path: another ETag for another encoding");

    for my $x ($plain, $gzip) {
        like($x->{headers}{vary} // '', qr/Accept-Encoding/i, 'Vary');
        ok(exists $x->{headers}{'content-length'}, 'has its length');
    }
}

for my $accept ('gzip;q=0', 'identity', '*;q=0', 'gzip;q=0.000, br',
                'gzipped')
{
    my $x = $node->get($LL, 'Accept-Encoding' => $accept);
    ok($x->{status} == 200 && !exists $x->{headers}{'content-encoding'},
       "Accept-Encoding: $accept: not compressed");
}

for my $accept ('gzip;q=0.5', 'GZIP', 'deflate,gzip', '*') {
    my $x = $node->get($LL, 'Accept-Encoding' => $accept);
    my $want = $accept eq '*' ? qr/^(?:gzip)?$/ : qr/^gzip$/;
    like($x->{headers}{'content-encoding'} // '', $want,
         "Accept-Encoding: $accept");
}

# --- ETag

for my $path ($LL, "$URL/index.m3u8") {
    for my $form ('%s', 'W/%s', '"x", %s', '*') {
        my ($x, $y);

        for (1 .. 20) {
            $x = $node->get($path);
            $y = $node->get($path, 'If-None-Match' =>
                            $form =~ s/%s/$x->{headers}{etag}/r);
            last if $y->{status} == 304;
        }

        is($y->{status}, 304, "If-None-Match: $form of $path");
        is($y->{body}, '', 'no body');
        ok($y->{headers}{etag} && $y->{headers}{'cache-control'}
           && $y->{headers}{'access-control-allow-origin'},
           'headers of a 304');
    }

    is($node->get($path, 'If-None-Match' => '"other"')->{status}, 200,
       "another ETag of $path");
}

($r, $p) = p();
($msn, $n) = $p->next_part();
my $c = $node->http();
$c->request('GET', "$LL?_HLS_msn=$msn&_HLS_part=$n",
            'If-None-Match' => $r->{headers}{etag});
$r = $c->response();
is($r->{status}, 200, 'If-None-Match does not cut a hold short');

# --- HEAD, OPTIONS, other methods

for my $path ($LL, "$URL/index.m3u8", "$URL/audio-std.m3u8") {
    my $get = $node->get($path);
    $c->request('HEAD', $path);
    my $head = $c->response();

    is($head->{status}, 200, "HEAD $path");
    is($head->{headers}{$_}, $get->{headers}{$_}, "HEAD: $_")
        for qw(content-type cache-control vary
               access-control-allow-origin);
    ok($head->{headers}{'content-length'}, 'HEAD: content-length');

    $c->request('OPTIONS', $path, Origin => 'https://example.com',
                'Access-Control-Request-Method' => 'GET',
                'Access-Control-Request-Headers' => 'range');
    my $options = $c->response();
    is($options->{status}, 204, "OPTIONS $path");
    like($options->{headers}{'access-control-allow-headers'} // '',
         qr/\bRange\b/i, 'OPTIONS: Range is allowed');
    like($options->{headers}{'access-control-allow-methods'} // '',
         qr/GET.*HEAD|HEAD.*GET/, 'OPTIONS: methods');

    for my $method (qw(POST PUT DELETE PATCH)) {
        my $x = $node->http();
        $x->request($method, $path, 'Content-Length' => 2);
        $x->send('ab');
        my $no = $x->response();
        is($no->{status}, 405, "$method $path");
        like($no->{headers}{allow} // '', qr/GET/, "$method: Allow");
        is($no->{headers}{'access-control-allow-origin'}, '*',
           "$method: cross-origin");
    }
}

# --- headers of every answer

for my $case (['', 200], ['?_HLS_part=1', 400], ['?_HLS_msn=x', 400]) {
    my ($query, $status) = @$case;
    my $h = $node->get("$LL$query")->{headers};

    is($h->{'access-control-allow-origin'}, '*', "$status: cross-origin");
    like($h->{'access-control-expose-headers'} // '', qr/\bAge\b/i,
         "$status: Age is exposed");
    like($h->{'access-control-expose-headers'} // '', qr/\bDate\b/i,
         "$status: Date is exposed");
    ok(exists $h->{date}, "$status: Date");
    ok(!exists $h->{'set-cookie'}, "$status: no cookie");
    like($h->{'cache-control'} // '', qr/no-store|no-cache|max-age=[0-5]\b/,
         "$status: not kept for long");
}

like($node->get($_)->{headers}{'content-type'},
     qr{^application/vnd\.apple\.mpegurl(?:;|$)}, "type of $_")
    for $LL, "$URL/index.m3u8", "$URL/audio-std.m3u8";


sub max_age($r) {
    my ($age) = ($r->{headers}{'cache-control'} // '') =~ /max-age=(\d+)/;
    return $age // -1;
}


cmp_ok(max_age($node->get($LL)), '<=', 1,
       'a plain playlist lives at most one target duration');

(undef, $p) = p();
($msn, $n) = $p->next_part();
($r) = p("?_HLS_msn=$msn&_HLS_part=$n");
cmp_ok(max_age($r), '<=', 6, 'a blocking one at most six');
cmp_ok(max_age($r), '>=', 1, 'but at least one');

# --- one connection, many requests

$c = $node->http();
$c->send(join('', map { "GET $_ HTTP/1.1\r\nHost: x\r\n\r\n" }
              "$URL/index.m3u8", $LL, "$URL/audio-std.m3u8"),
         ('GET') x 3);
my @r = map { $c->response() } 1 .. 3;
is_deeply([ map { $_->{status} } @r ], [ 200, 200, 200 ], 'pipelined');
like($r[0]{text}, qr/STREAM-INF/, 'answered in order: first');
like($r[1]{text}, qr/PRELOAD-HINT/, 'answered in order: second');

(undef, $p) = p();
($msn, $n) = $p->next_part();
$c->send(join('', map { "GET $_ HTTP/1.1\r\nHost: x\r\n\r\n" }
              "$LL?_HLS_msn=$msn&_HLS_part=$n", "$URL/index.m3u8"),
         ('GET') x 2);
@r = map { $c->response() } 1 .. 2;
like($r[0]{text}, qr/PRELOAD-HINT/, 'pipelined behind a held one: first');
like($r[1]{text}, qr/STREAM-INF/, 'pipelined behind a held one: second');

# --- a listener who asks for deltas, one who does not

for my $deltas (0, 1) {
    my $l = listener($node, delta => $deltas);
    ok($l->parts(20), 'a listener' . ($deltas ? ' with deltas' : ''));
    conforms('hears a clean programme', @{ $l->{violations} });
}

$b->stop();
$node->done();
done_testing();
