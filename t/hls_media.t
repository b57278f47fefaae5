#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Parts, segments and init segments: their clock, their bytes, how long they
# live, hints that are held, ranges and headers.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

use Stentor::Media;

my ($node, $b) = on_air(window => '9s');
my $URL = '/live/studio1';

# --- clock and bytes

my $p = playlist($node);
my ($bytes) = fetch_all($node, "$URL/$p->{map}");
my $init = Stentor::Media::init($bytes);
my $media = Stentor::Media::fixture();

is($init->{codecs}, 'mp4a.40.2', 'codec');
is($init->{timescale}, 48000, 'time scale is the sample rate');
is($init->{channels}, 2, 'channels');
is($init->{stts}, 0, 'no samples in the init segment');
ok(!defined $init->{edits} || length($init->{edits}) <= 20,
   'at most one edit');
ok(scalar(grep { /^(?:iso[6-9]|cmfc)$/ } @{ $init->{brands} }), 'brand');
is(unpack('H*', substr($init->{asc}, 0, 2)),
   unpack('H*', substr($media->{asc}, 0, 2)), 'configuration');

my @segments = fetch_all($node, map { "$URL/$_->{uri}" }
                                @{ $p->{segments} });
my @f = map { [ Stentor::Media::fragments($_, $init) ] } @segments;
my @bad;
my $at;

for my $i (0 .. $#f) {
    my $seg = $p->{segments}[$i];
    my $first = $f[$i][0];

    push(@bad, "$seg->{uri}: " . scalar(@{ $f[$i] }) . ' fragments')
        if @{ $f[$i] } != 6;
    push(@bad, "$seg->{uri}: msn is not tfdt over segment length")
        if $first->{tfdt} != $seg->{msn} * 6 * 9 * 1024;
    push(@bad, "$seg->{uri}: date is not tfdt")
        if abs($seg->{pdt_ms} - $first->{tfdt} / 48) > 1;

    for my $x (@{ $f[$i] }) {
        push(@bad, "$seg->{uri}: tfdt $x->{tfdt}, not $at")
            if defined $at && $x->{tfdt} != $at;
        push(@bad, "$seg->{uri}: tfdt of version 0") if !$x->{version};
        push(@bad, "$seg->{uri}: $x->{duration} samples")
            if $x->{duration} != 9 * 1024;
        $at = $x->{tfdt} + $x->{duration};
    }
}

conforms('clock of a whole window', @bad);

my $drift = $p->{segments}[-1]{pdt_ms} / 1000 + 1.152 - time();
cmp_ok(abs($drift), '<', 2.5, 'the dates are those of the wall clock');

@bad = ();

for my $i (0 .. $#segments) {
    my @parts = @{ $p->{segments}[$i]{parts} } or next;
    my $joined = join('', fetch_all($node, map { "$URL/$_->{URI}" } @parts));
    push(@bad, $p->{segments}[$i]{uri}) if $joined ne $segments[$i];
}

conforms('a segment is its parts, one after another', @bad);

# --- hints

$p = playlist($node);
my $hint = "$URL/$p->{hints}[0]{URI}";
my ($msn, $n) = $p->next_part();

my @c = map { $node->http() } 1 .. 4;
$c[0]->request('GET', $hint);
$c[1]->request('GET', $hint, Range => 'bytes=0-99');
$c[2]->request('HEAD', $hint);
$c[3]->request('GET', "$URL/audio.m3u8?_HLS_msn=$msn&_HLS_part=$n");
my @r = Stentor::HTTP::wait_all(\@c);
my ($again) = fetch_all($node, $hint);

is($r[0]{status}, 200, 'a hinted part is held and answered');
is($r[0]{body}, $again, 'whole, and the same later');
ok(exists $r[0]{headers}{'content-length'}, 'with its length');
is($r[1]{status}, 206, 'so is a range of it');
is($r[1]{body}, substr($again, 0, 100), 'with its bytes');
is($r[2]{headers}{'content-length'}, length($again), 'and a HEAD of it');
like($r[3]{text}, qr/\Q$p->{hints}[0]{URI}\E.*\n.*PRELOAD/s,
     'the playlist that lists it comes with it');

my $later = sub ($ahead, $part) {
    return sprintf('%s/audio/%d.%d.m4s', $URL, $msn + $ahead, $part);
};

for my $path ($later->(0, 99), $later->(3, 0), $later->(1000, 0),
              sprintf('%s/audio/%d.m4s', $URL, $msn + 5),
              "$URL/audio/1.0.m4s", "$URL/audio/1.m4s",
              "$URL/audio/init-99.mp4", "$URL/none.m3u8",
              "$URL/none/1.m4s")
{
    my $r = $node->get($path);
    is($r->{status}, 404, "not hinted: $path");
    is($r->{headers}{'access-control-allow-origin'}, '*',
       'which other origins may see');
    like($r->{headers}{'cache-control'} // '',
         qr/no-store|no-cache|max-age=[01]\b/, 'and caches soon forget');
}

# --- headers and ranges

$p = playlist($node);
my $seg = "$URL/$p->{segments}[-1]{uri}";
my $part = "$URL/$p->{segments}[-1]{parts}[0]{URI}";

for my $path ($seg, $part, "$URL/$p->{map}") {
    my $r = $node->get($path, 'Accept-Encoding' => 'gzip');
    my $size = length($r->{body});
    my $h = $r->{headers};

    like($h->{'content-type'}, qr{^audio/mp4$}, "type of $path");
    ok(!exists $h->{'content-encoding'}, 'media is not compressed');
    like($h->{'cache-control'}, qr/\bpublic\b/, 'public');
    like($h->{'cache-control'}, qr/\bimmutable\b/, 'immutable');
    my ($age) = $h->{'cache-control'} =~ /max-age=(\d+)/;
    cmp_ok($age // 0, '>=', 9, 'kept at least for the window');
    is($h->{'accept-ranges'}, 'bytes', 'ranges are offered');
    is($h->{'access-control-allow-origin'}, '*', 'cross-origin');
    ok($h->{etag}, 'ETag');
    is($node->get($path, 'If-None-Match' => $h->{etag})->{status}, 304,
       'If-None-Match');

    my $c = $node->http();
    $c->request('HEAD', $path);
    my $head = $c->response();
    is($head->{headers}{'content-length'}, $size, 'HEAD tells the size');

    for my $case (['0-9', 0, 10], ['5-', 5, $size - 5],
                  ['-7', $size - 7, 7], ["10-$size", 10, $size - 10],
                  ['3-9007199254740991', 3, $size - 3], ['0-0', 0, 1])
    {
        my ($range, $from, $len) = @$case;
        my $x = $node->get($path, Range => "bytes=$range");

        is($x->{status}, 206, "bytes=$range");
        is($x->{headers}{'content-range'},
           "bytes $from-" . ($from + $len - 1) . "/$size",
           'the range is named');
        ok($x->{body} eq substr($r->{body}, $from, $len), 'its bytes');
    }

    my $x = $node->get($path, Range => "bytes=$size-");
    is($x->{status}, 416, 'a range past the end');
    is($x->{headers}{'content-range'}, "bytes */$size", 'the size is named');
    is($x->{headers}{'access-control-allow-origin'}, '*', 'cross-origin');

    for my $range ('lines=0-9', 'bytes=9-3', 'bytes=', 'bytes=a-b') {
        $x = $node->get($path, Range => $range);
        ok($x->{status} == 200 || $x->{status} == 416, "Range: $range");
    }

    is($node->get($path, Range => 'bytes=0-9',
                  'If-Range' => '"other"')->{status}, 200,
       'If-Range of another ETag');
}

# --- what has left the playlist stays readable

$p = playlist($node);
my $old = $p->{segments}[0];
my ($young) = grep { @{ $_->{parts} } } @{ $p->{segments} };
my $old_part = $young->{parts}[0]{URI};
my ($was, $was_part) = fetch_all($node, "$URL/$old->{uri}",
                                 "$URL/$old_part");

my $l = listener($node, edge => 1);
ok($l->run(sub ($l) {
    my $q = $l->{playlist} // return 0;
    return $q->{mseq} > $old->{msn}
           && !grep { $_->[2]{URI} eq $old_part } $q->all_parts();
}, 20), 'both leave the playlist');

is($node->get("$URL/$old->{uri}")->{body}, $was,
   'a segment is readable after it left');
is($node->get("$URL/$old_part")->{body}, $was_part,
   'a part is readable after it left');
conforms('a clean programme', @{ $l->{violations} });

$b->stop();
$node->done();
done_testing();
