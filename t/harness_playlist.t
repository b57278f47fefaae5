#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The strict reader itself: playlists made here, first as they should be and
# then broken in one place each.  A rule that never fires would be no rule.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

# Parts of 9 frames at 48 kHz, six a segment.
my $PART = 9 * 1024 / 48000;
my $SEGMENT = 6 * $PART;


sub date($t) {
    my $ms = int($t * 1000 + 0.5);
    my @t = gmtime(int($ms / 1000));

    return sprintf('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', $t[5] + 1900,
                   $t[4] + 1, @t[3, 2, 1, 0], $ms % 1000);
}


# The playlist when part n of segment msn is the newest; 13 segments, skip.

sub canned($msn, $n, $skip = 0) {
    my $first = $msn - 13;
    my $p = "#EXTM3U\n#EXT-X-VERSION:" . ($skip ? 9 : 6) . "\n"
        . "#EXT-X-TARGETDURATION:1\n"
        . "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.615,"
        . "CAN-SKIP-UNTIL=6.0\n"
        . "#EXT-X-PART-INF:PART-TARGET=0.19200\n"
        . "#EXT-X-MEDIA-SEQUENCE:$first\n"
        . "#EXT-X-DISCONTINUITY-SEQUENCE:0\n";

    $p .= "#EXT-X-SKIP:SKIPPED-SEGMENTS=$skip\n" if $skip;
    $p .= "#EXT-X-MAP:URI=\"audio/init-1.mp4\"\n" if !$skip;

    for my $m ($first + $skip .. $msn) {
        $p .= '#EXT-X-PROGRAM-DATE-TIME:' . date($m * $SEGMENT) . "\n";

        if ($msn - $m <= 3) {
            for my $i (0 .. ($m == $msn ? $n : 5)) {
                $p .= "#EXT-X-PART:DURATION=0.19200,"
                    . "URI=\"audio/$m.$i.m4s\",INDEPENDENT=YES\n";
            }
        }

        $p .= sprintf("#EXTINF:%.5f,\naudio/%d.m4s\n", $SEGMENT, $m)
            if $m < $msn;
    }

    $p .= sprintf("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"audio/%d.%d.m4s\"\n",
                  $msn, $n + 1);

    return $p;
}


sub check($text, %o) {
    return Stentor::Conformance::check(Stentor::Playlist::parse($text), %o);
}


sub pair($old, $new) {
    return Stentor::Conformance::check_pair(Stentor::Playlist::parse($old),
                                            Stentor::Playlist::parse($new));
}


sub breaks($what, $text, $like) {
    my @bad = check($text);
    ok(scalar(grep { $_ =~ $like } @bad), $what) or diag(join("\n", @bad));
}


my $M = 1_500_000_000;
my $good = canned($M, 2);

conforms('a good playlist', check($good));
conforms('a good pair', pair($good, canned($M, 3)));
conforms('a good pair over a segment', pair(canned($M, 4), canned($M + 1, 0)));
conforms('a good pair over three segments', pair($good, canned($M + 3, 1)));

my @single = (
    ['BOM', sub { "\xef\xbb\xbf$_" }, qr/begin with/],
    ['trailing blank', sub { s/VERSION:6/VERSION:6 /r }, qr/stray blank/],
    ['no newline at the end', sub { s/\n\z//r }, qr/end of line/],
    ['version too high', sub { s/VERSION:6/VERSION:9/r }, qr/version 9/],
    ['unknown tag', sub { s/(#EXT-X-VERSION)/#EXT-X-FOO\n$1/r }, qr/FOO/],
    ['tag twice', sub { s/(#EXT-X-VERSION:6\n)/$1$1/r }, qr/twice/],
    ['no map', sub { s/#EXT-X-MAP.*\n//r }, qr/no MAP/],
    ['no date', sub { s/#EXT-X-PROGRAM.*\n//gr }, qr/no PROGRAM-DATE/],
    ['date without zone', sub { s/Z$//mr }, qr/bad value/],
    ['date one second off', sub {
        s/:(\d\d)(\.\d{3}Z\n#EXTINF)/sprintf(':%02d%s', ($1 + 1) % 60, $2)/er
        }, qr/off its/],
    ['EXTINF without a comma', sub { s/(#EXTINF:[\d.]+),/$1/r }, qr/EXTINF/],
    ['segment too long', sub { s/(#EXTINF):[\d.]+/$1:1.50000/r }, qr/target/],
    ['parts and segment differ', sub {
        my @p = split(/(?=#EXTINF)/);
        $p[-1] =~ s/:[\d.]+/:1.15000/;
        join('', @p) }, qr/its parts/],
    ['part over target', sub { s/PART:DURATION=0.19200/PART:DURATION=0.19201/r
        }, qr/over PART-TARGET/],
    ['sliver', sub { s/PART:DURATION=0.19200/PART:DURATION=0.06400/r },
        qr/85 %/],
    ['dependent part', sub { s/,INDEPENDENT=YES//r }, qr/INDEPENDENT/],
    ['quoted enum', sub { s/INDEPENDENT=YES/INDEPENDENT="YES"/r }, qr/bad IN/],
    ['blank in an attribute list', sub { s/,URI=/, URI=/r }, qr/attribute l/],
    ['attribute twice', sub { s/(,INDEPENDENT=YES)/$1$1/r }, qr/twice/],
    ['no hint', sub { s/#EXT-X-PRELOAD.*\n//r }, qr/0 part hints/],
    ['two hints', sub { s/(#EXT-X-PRELOAD.*\n)/$1$1/r }, qr/2 part hints/],
    ['hint of a listed part', sub { s/\.3\.m4s"\n\z/.2.m4s"\n/r },
        qr/listed/],
    ['hint one too far', sub { s/\.3\.m4s"\n\z/.4.m4s"\n/r }, qr/hint/],
    ['hint with ENDLIST', sub { "$_#EXT-X-ENDLIST\n" }, qr/hint in/],
    ['hold back too short', sub { s/0\.615/0.500/r }, qr/PART-HOLD-BACK/],
    ['skip too short', sub { s/UNTIL=6\.0/UNTIL=5.0/r }, qr/CAN-SKIP-UNTIL/],
    ['parts gone early', sub { my $n = $M - 1;
        s/#EXT-X-PART:[^\n]*\/$n\.[^\n]*\n//gr }, qr/no parts/],
    ['absolute URI', sub { s{^audio}{/audio}mr }, qr/not relative/],
    ['sequence after media', sub {
        s/(#EXT-X-MEDIA-SEQUENCE.*\n)//; my $s = $1; $_ . $s },
        qr/after media/],
    ['too few segments', sub { my $n = 0;
        s/(#EXT-X-PROGRAM[^\n]*\n#EXTINF[^\n]*\n\S+\n)/$n++ < 10 ? '' : $1/ger
        }, qr/segments \(A 8.11/],
);

for my $case (@single) {
    my ($what, $change, $like) = @$case;
    local $_ = $good;
    my $text = $change->();
    isnt($text, $good, "$what: the test changes something");
    breaks($what, $text, $like);
}

my @pairs = (
    ['sequence goes back', canned($M - 1, 2), qr/went back/],
    ['part vanishes', canned($M, 1), qr/vanished/],
    ['target duration changes', canned($M, 3) =~ s/(DURATION):1\n/$1:2\n/r,
        qr/td changed/],
    ['part target changes', canned($M, 3) =~ s/TARGET=0\.192/TARGET=0.193/r,
        qr/part_target/],
    ['control changes', canned($M, 3) =~ s/0\.615/0.650/r, qr/CONTROL/],
    ['EXTINF changes', canned($M, 3) =~ s/1\.15200/1.15201/gr, qr/extinf/],
    ['URI changes', canned($M, 3) =~ s/^audio/radio/mgr, qr/uri changed/],
    ['date changes', canned($M, 3) =~ s/\.(\d)(\d\dZ)/'.' . (9 - $1) . $2/egr,
        qr/pdt changed/],
    ['map changes', canned($M, 3) =~ s/init-1/init-2/r, qr/map changed/],
    ['hint was wrong', canned($M, 3) =~ s/($M\.3)\.m4s",I/$1b.m4s",I/r,
        qr/hinted/],
    ['discontinuity number jumps',
        canned($M, 3) =~ s/(DISC.*SEQUENCE):0/$1:1/r, qr/rose by/],
);

for my $case (@pairs) {
    my ($what, $new, $like) = @$case;
    my @bad = pair($good, $new);
    ok(scalar(grep { $_ =~ $like } @bad), $what) or diag(join("\n", @bad));
}


# A discontinuity before the second segment, which is then the first: the tag
# stays, or goes and is counted.

sub jump($text, $n) {
    my $i = 0;
    return $text =~ s/(?=#EXT-X-PROGRAM)/$i++ == $n
                      ? "#EXT-X-DISCONTINUITY\n" : ''/ger;
}


sub counted($text) { return $text =~ s/(DISC\S*SEQUENCE):0/$1:1/r }


my $jump = jump(canned($M, 5), 1);
my $next = canned($M + 1, 0);
conforms('a discontinuity', check($jump), pair($jump, jump($next, 0)));
conforms('whose tag goes', pair($jump, counted($next)));
ok(scalar(pair($jump, $next)), 'and is not counted');
ok(scalar(pair($jump, counted(jump($next, 0)))), 'stays and is counted');


sub delta($full, $delta) {
    return Stentor::Conformance::check_delta(
        Stentor::Playlist::parse($full), Stentor::Playlist::parse($delta));
}


my $n = Stentor::Conformance::skippable(Stentor::Playlist::parse($good), 6);
is($n, 7, 'segments that may be skipped');
conforms('a good delta', check(canned($M, 2, $n)),
         delta($good, canned($M, 2, $n)));
conforms('a delta that states the map again', delta($good,
    canned($M, 2, $n) =~ s/(#EXT-X-SKIP.*\n)/$1#EXT-X-MAP:URI="x"\n/r));
ok(scalar(delta($good, canned($M, 2, $n - 1))), 'delta skips too little');
ok(scalar(delta($good, canned($M, 3, $n))), 'delta of another version');
ok(scalar(check(canned($M, 2, $n) =~ s/VERSION:9/VERSION:6/r)),
   'delta with version 6');

my $main = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:"
    . "BANDWIDTH=140000,AVERAGE-BANDWIDTH=130000,CODECS=\"mp4a.40.2\"\n"
    . "audio.m3u8\n";

conforms('a good multivariant playlist',
         Stentor::Conformance::check_multivariant($main));

my $steered = $main
    =~ s/#EXT-X-STREAM/#EXT-X-CONTENT-STEERING:SERVER-URI="s",PATHWAY-ID="a"
#EXT-X-STREAM/r
    =~ s/(#EXT-X-STREAM\S+)\naudio/$1,PATHWAY-ID="a"\naudio/r;
$steered .= ($main =~ s/^.*?(?=#EXT-X-STREAM)//sr)
    =~ s{\n}{,PATHWAY-ID="b"\nhttps://b/}r;

conforms('one with pathways',
         Stentor::Conformance::check_multivariant($steered));

for my $case (['no codecs', $main =~ s/,CODECS=\S+//r],
              ['no URI', $main =~ s/audio.m3u8\n//r],
              ['media tag', "$main#EXTINF:1,\nx\n"],
              ['pathways that are not the same',
               $steered =~ s/.*\KBANDWIDTH=140000/BANDWIDTH=140001/sr],
              ['an unknown pathway', $steered =~ s/"s",PATHWAY-ID="a/$&x/r],
              ['no steering', $steered =~ s/#EXT-X-CONTENT.*\n//r],
              ['a variant without a pathway',
               $steered =~ s/,PATHWAY-ID="b"//r])
{
    ok(scalar(Stentor::Conformance::check_multivariant($case->[1])),
       "multivariant: $case->[0]");
}

done_testing();
