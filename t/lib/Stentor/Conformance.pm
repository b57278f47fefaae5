# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What a low-latency playlist must hold to, as a list of rules: within one
# version, between two versions of one playlist, between a delta and the full
# playlist, and in a multivariant playlist.  Each function returns violation
# strings; none is good.  Sections are those of draft-pantos-hls-rfc8216bis,
# "A" is Apple's authoring specification.

package Stentor::Conformance;

use v5.36;

use List::Util qw(sum0 max min);

use Stentor::Playlist;

use constant EPSILON => 1e-6;


# check(p, %o): one version.  frame => seconds of one frame (0.0214),
# std => 1: the classic playlist without parts, names => 0: any URI form.

sub check($p, %o) {
    my @bad = @{ $p->{violations} };
    $o{frame} //= 1024 / 48000;

    push(@bad, header($p, %o));
    push(@bad, $o{std} ? classic($p) : low_latency($p));
    push(@bad, segments($p));
    push(@bad, parts($p, %o)) if !$o{std};
    push(@bad, dates($p, %o));
    push(@bad, tail($p, %o)) if !$o{std};

    return @bad;
}


sub header($p, %o) {
    my @bad;
    my $want = $p->{skip} ? 9 : 6;

    for my $tag (qw(EXT-X-VERSION EXT-X-TARGETDURATION EXT-X-MEDIA-SEQUENCE
                    EXT-X-DISCONTINUITY-SEQUENCE))
    {
        push(@bad, "no $tag") if !$p->{count}{$tag};
    }

    push(@bad, "version $p->{version}, not $want (section 8)")
        if ($p->{version} // 0) != $want;

    push(@bad, 'no MAP (section 3.1.2)')
        if !$p->{skip} && !$p->{count}{'EXT-X-MAP'};

    push(@bad, 'no PROGRAM-DATE-TIME (B.1)')
        if !$p->{count}{'EXT-X-PROGRAM-DATE-TIME'} && @{ $p->{segments} };

    push(@bad, 'no whole segment (hls.js: LEVEL_EMPTY)')
        if !@{ $p->{segments} } && !$p->{skip};

    my $n = @{ $p->{segments} } + $p->{skip};
    push(@bad, "only $n segments (A 8.11)") if $n < 6 && !$p->{ended};

    my $span = sum0(map { $_->{duration} } @{ $p->{segments} });
    push(@bad, sprintf('window of %.3f s is under three target durations',
                       $span))
        if !$p->{skip} && !$p->{ended} && $span < 3 * ($p->{td} // 0);

    return @bad;
}


sub classic($p) {
    my @bad;

    for my $tag (qw(EXT-X-PART EXT-X-PART-INF EXT-X-PRELOAD-HINT
                    EXT-X-RENDITION-REPORT))
    {
        push(@bad, "$tag in the classic playlist") if $p->{count}{$tag};
    }

    push(@bad, 'part hold back in the classic playlist')
        if $p->{control} && exists $p->{control}{'PART-HOLD-BACK'};

    return @bad;
}


sub low_latency($p) {
    my @bad;
    my $c = $p->{control} // return 'no SERVER-CONTROL';
    my $target = $p->{part_target} // return 'no PART-INF';
    my $td = $p->{td} // return 'no TARGETDURATION';

    push(@bad, 'no CAN-BLOCK-RELOAD') if !exists $c->{'CAN-BLOCK-RELOAD'};

    my $back = $c->{'PART-HOLD-BACK'};
    push(@bad, 'no PART-HOLD-BACK') if !defined $back;
    push(@bad, "PART-HOLD-BACK $back is under 3 x $target (A 14.3)")
        if defined $back && $back < 3 * $target - EPSILON;

    push(@bad, 'HOLD-BACK is under three target durations')
        if defined $c->{'HOLD-BACK'} && $c->{'HOLD-BACK'} < 3 * $td;

    push(@bad, 'CAN-SKIP-UNTIL is under six target durations')
        if defined $c->{'CAN-SKIP-UNTIL'} && $c->{'CAN-SKIP-UNTIL'} < 6 * $td;

    push(@bad, 'CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL')
        if $c->{'CAN-SKIP-DATERANGES'} && !defined $c->{'CAN-SKIP-UNTIL'};

    return @bad;
}


sub segments($p) {
    my @bad;
    my %seen;

    for my $seg (@{ $p->{segments} }) {
        push(@bad, "segment $seg->{msn}: no MAP before it")
            if !defined $seg->{map} && !$p->{skip};

        # round half up (section 4.4.3.1)
        push(@bad, "segment $seg->{msn}: $seg->{duration} s is over the "
                   . "target duration")
            if int($seg->{duration} + 0.5) > ($p->{td} // 0);

        push(@bad, "segment $seg->{msn}: $seg->{uri} twice")
            if $seen{ $seg->{uri} }++;
        push(@bad, "segment $seg->{msn}: $seg->{uri} is not relative")
            if $seg->{uri} =~ m{^(?:[a-z]+:|/)};
    }

    return @bad;
}


sub parts($p, %o) {
    my @bad;
    my %seen;
    my $target = $p->{part_target} // return;

    for my $seg (@{ $p->{segments} }, $p->{open}) {
        my @parts = @{ $seg->{parts} };

        push(@bad, "parts of $seg->{msn}: no MAP before them")
            if @parts && !defined $seg->{map} && !$p->{skip};

        for my $i (0 .. $#parts) {
            push(@bad, map { "part $seg->{msn}.$i: $_" }
                       part($seg, $i, $target, \%seen));
        }

        next if !@parts || !defined $seg->{uri};

        my $sum = sum0(map { $_->{DURATION} // 0 } @parts);
        push(@bad, "segment $seg->{msn}: $seg->{duration} s, its parts "
                   . "$sum s")
            if abs($sum - $seg->{duration}) > 1e-5 * (@parts + 1);
    }

    push(@bad, parts_kept($p));

    return @bad;
}


sub part($seg, $i, $target, $seen) {
    my $a = $seg->{parts}[$i];
    my $next = $seg->{parts}[$i + 1];
    my @bad;

    push(@bad, "$a->{DURATION} s is over PART-TARGET $target")
        if $a->{DURATION} > $target;

    my $last = !defined $next && defined $seg->{uri};
    my $open = !defined $next && !defined $seg->{uri};
    my $gap = $a->{GAP} || ($next && $next->{GAP});

    push(@bad, "$a->{DURATION} s is under 85 % of PART-TARGET $target")
        if $a->{DURATION} < 0.85 * $target && !$last && !$open && !$gap;

    push(@bad, 'not INDEPENDENT') if !$a->{INDEPENDENT} && !$a->{GAP};
    push(@bad, "$a->{URI} twice") if $seen->{ $a->{URI} }++;
    push(@bad, "$a->{URI} is not relative")
        if $a->{URI} =~ m{^(?:[a-z]+:|/)};

    return @bad;
}


# Parts stay while they begin within three target durations of the end, and
# go soon after (section 6.2.2); oldest first, so without holes.

sub parts_kept($p) {
    my @bad;
    my $from_end = sum0(map { $_->{DURATION} // 0 }
                        @{ $p->{open}{parts} });
    my $none_yet = 0;

    return if $p->{ended};

    for my $seg (reverse @{ $p->{segments} }) {
        my $has = @{ $seg->{parts} } > 0;

        push(@bad, "segment $seg->{msn}: no parts, "
                   . sprintf('%.3f s from the end', $from_end))
            if !$has && $from_end < 3 * $p->{td} - $p->{part_target};

        push(@bad, "segment $seg->{msn}: parts behind one without")
            if $has && $none_yet;

        push(@bad, "segment $seg->{msn}: parts listed too long")
            if $has && $from_end > 3 * $p->{td} + $seg->{duration}
                                   + $p->{part_target};

        $none_yet = 1 if !$has;
        $from_end += $seg->{duration};
    }

    return @bad;
}


# Dates follow the durations, from segment to segment and over the window.

sub dates($p, %o) {
    my @bad;
    my ($first, $at);

    for my $seg (@{ $p->{segments} }, $p->{open}) {
        ($first, $at) = () if $seg->{disc};

        if (defined $seg->{pdt_ms}) {
            my $t = $seg->{pdt_ms} / 1000;

            push(@bad, sprintf('segment %d: date is %.3f s off its '
                               . 'neighbours', $seg->{msn}, $t - $at))
                if defined $at && abs($t - $at) > $o{frame} + 0.001;

            $at = $t if !defined $first;
            $first //= $t;
        }

        $at += $seg->{duration} if defined $at && defined $seg->{duration};
    }

    return @bad;
}


# The end of the list: hint and reports (sections 4.4.5.3, 4.4.5.4, 6.2.6).

sub tail($p, %o) {
    my @bad;
    my @hints = grep { ($_->{TYPE} // '') eq 'PART' } @{ $p->{hints} };

    if ($p->{ended}) {
        push(@bad, 'hint in an ended playlist') if @{ $p->{hints} };
        push(@bad, 'parts of an unfinished segment in an ended playlist')
            if @{ $p->{open}{parts} };
        return @bad;
    }

    push(@bad, scalar(@hints) . ' part hints') if @hints != 1;

    my ($msn, $part) = $p->next_part();
    my $want = "/$msn.$part.m4s";

    for my $h (@hints) {
        push(@bad, "hint $h->{URI} is listed already")
            if grep { $_->[2]{URI} eq $h->{URI} } $p->all_parts();
        push(@bad, "hint $h->{URI}, not .$want")
            if ($o{names} // 1)
               && substr("/$h->{URI}", -length($want)) ne $want;
    }

    for my $r (@{ $p->{reports} }) {
        push(@bad, "report of $r->{URI} without LAST-PART")
            if !defined $r->{'LAST-PART'};
        push(@bad, "report of $r->{URI} is not relative")
            if $r->{URI} =~ m{^(?:[a-z]+:|/)};
    }

    return @bad;
}


# --- two versions of one playlist (sections 6.2.1, 6.2.2)

sub check_pair($old, $new) {
    my @bad;

    for my $field (qw(td part_target)) {
        push(@bad, "$field changed from $old->{$field} to $new->{$field}")
            if ($old->{$field} // '') ne ($new->{$field} // '');
    }

    my @c = map { my $c = $_->{control} // {};
                  join(',', map { "$_=$c->{$_}" } sort keys %$c) } $old, $new;
    push(@bad, "SERVER-CONTROL changed from $c[0] to $c[1]")
        if $c[0] ne $c[1];

    push(@bad, 'MEDIA-SEQUENCE went back') if $new->{mseq} < $old->{mseq};
    push(@bad, 'newest segment went back')
        if $new->{open}{msn} < $old->{open}{msn};
    push(@bad, 'ENDLIST was taken back') if $old->{ended} && !$new->{ended};

    push(@bad, frozen($old, $new), grown($old, $new),
         discontinuities($old, $new));

    return @bad;
}


# Listed segments and parts never change.

sub frozen($old, $new) {
    my @bad;

    for my $was (@{ $old->{segments} }, $old->{open}) {
        my $is = $new->segment($was->{msn}) // next;

        # of a segment of which nothing was listed, nothing was said
        next if !defined $was->{uri} && !@{ $was->{parts} }
                && !defined $was->{pdt};

        for my $field (qw(uri extinf pdt map)) {
            next if !defined $was->{$field};
            next if $field eq 'map' && !defined $is->{map};   # skipped

            push(@bad, "segment $was->{msn}: $field changed from "
                       . "$was->{$field} to " . ($is->{$field} // 'none'))
                if $was->{$field} ne ($is->{$field} // '');
        }

        push(@bad, "segment $was->{msn}: discontinuity number changed")
            if $was->{dcn} != $is->{dcn} && !$new->{skip} && !$old->{skip};

        push(@bad, frozen_parts($was, $is));
    }

    return @bad;
}


sub frozen_parts($was, $is) {
    my @a = @{ $was->{parts} };
    my @b = @{ $is->{parts} };
    my @bad;

    # parts go with the age of their segment, all at once or oldest first
    if (@b < @a) {
        push(@bad, "segment $was->{msn}: parts of the open segment vanished")
            if !defined $is->{uri};
        @a = splice(@a, @a - @b) if @b;
        return @bad if !@b;
    }

    for my $i (0 .. $#a) {
        my ($x, $y) = map { my $h = $_;
            join(',', map { "$_=$h->{$_}" } sort keys %$h) } $a[$i], $b[$i];
        push(@bad, "segment $was->{msn}: part $x became $y") if $x ne $y;
    }

    push(@bad, "segment $was->{msn}: parts added to a whole segment")
        if defined $was->{uri} && @b > @a && @a;

    return @bad;
}


# What comes next is what was hinted.

sub grown($old, $new) {
    my @bad;
    my ($hint) = grep { ($_->{TYPE} // '') eq 'PART' } @{ $old->{hints} };
    my ($msn, $part) = $old->next_part();

    return if !$hint;

    my $seg = $new->segment($msn) // return;
    my $next = $seg->{parts}[$part];

    if ($next && $next->{URI} ne $hint->{URI}) {
        push(@bad, "hinted $hint->{URI}, listed $next->{URI}");
    }

    return @bad;
}


sub discontinuities($old, $new) {
    return if $new->{skip} || $old->{skip};

    # the first segment may go without its tag: it has no predecessor
    my $gone = grep { $_->{disc} && !keeps_disc($new, $_->{msn}) }
               @{ $old->{segments} };
    my $first = $old->{segments}[0] // return;
    my @bad;

    push(@bad, 'DISCONTINUITY-SEQUENCE went back')
        if $new->{dseq} < $old->{dseq};

    # only what both versions list can be counted
    push(@bad, "DISCONTINUITY-SEQUENCE rose by "
               . ($new->{dseq} - $old->{dseq}) . ", $gone left")
        if $new->{mseq} <= $old->{open}{msn}
           && $new->{dseq} - $old->{dseq} != $gone;

    return @bad;
}


# Whether a segment is listed with its discontinuity still.

sub keeps_disc($p, $msn) {
    my $seg = $msn < $p->{mseq} ? undef : $p->segment($msn);
    return $seg && ($seg->{disc} || $msn != $p->{mseq});
}


# --- a delta and the full playlist of the same version (section 6.2.5.1)

sub check_delta($full, $delta) {
    my @bad;
    my $until = $full->{control}{'CAN-SKIP-UNTIL'}
        // return 'no CAN-SKIP-UNTIL';
    my $n = skippable($full, $until);

    push(@bad, "$delta->{skip} segments skipped, not $n")
        if $delta->{skip} != $n;

    return (@bad, 'not a delta') if !$delta->{skip};

    my @full = grep { !/^#EXT-X-VERSION:/ } segment_lines($full,
                                                          $delta->{skip});
    my @delta = grep { !/^#EXT-X-(?:VERSION|SKIP):/ }
                segment_lines($delta, 0);

    # MAP, KEY and dates of the skipped region may be stated again
    push(@bad, 'delta differs from the full playlist in its text')
        if "@full" ne "@delta"
           && "@full" ne join(' ', without_restated(@delta));

    for my $field (qw(mseq dseq td part_target)) {
        push(@bad, "delta's $field differs")
            if ($full->{$field} // '') ne ($delta->{$field} // '');
    }

    return @bad;
}


# How many segments lie wholly more than until seconds before the end of the
# last whole one.

sub skippable($p, $until) {
    my $from_end = 0;
    my @ends;

    for my $seg (reverse @{ $p->{segments} }) {
        unshift(@ends, $from_end);
        $from_end += $seg->{duration};
    }

    return scalar(grep { $_ > $until + EPSILON } @ends);
}


# The lines of a playlist without its first n segments.

sub segment_lines($p, $n) {
    my @segs = @{ $p->{segments} };
    my @first = $n ? grep { is_header($_) } @{ $segs[0]{lines} } : ();
    splice(@segs, 0, $n);

    return (@first, map { @{ $_->{lines} } } @segs, $p->{open});
}


sub is_header($line) {
    return $line =~ /^\#(?:EXTM3U|EXT-X-(?:VERSION|TARGETDURATION|PART-INF
                     |SERVER-CONTROL|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE
                     |INDEPENDENT-SEGMENTS)\b)/x;
}


sub without_restated(@lines) {
    my $i = 0;
    $i++ while $i < @lines && is_header($lines[$i]);
    splice(@lines, $i, 1) while $i < @lines && $lines[$i] =~ /^#EXT-X-MAP:/;
    return @lines;
}


# --- the multivariant playlist (section 4.4.6)

sub check_multivariant($text) {
    my @bad;
    my @lines = split(/\r?\n/, $text);
    my $variants = 0;
    my %pathways;

    push(@bad, 'does not begin with #EXTM3U') if ($lines[0] // '') ne '#EXTM3U';
    push(@bad, 'no INDEPENDENT-SEGMENTS')
        if !grep { $_ eq '#EXT-X-INDEPENDENT-SEGMENTS' } @lines;
    push(@bad, 'media tags')
        if grep { /^#EXT(?:INF|-X-(?:TARGETDURATION|MEDIA-SEQUENCE|PART))/ }
           @lines;
    push(@bad, 'stray blanks') if grep { /^\s|\s$/ } @lines;

    for my $i (0 .. $#lines) {
        next if $lines[$i] !~ /^#EXT-X-STREAM-INF:(.*)/;
        my $list = $1;
        my %a = $list =~ /([A-Z0-9-]+)=("[^"]*"|[^",]+)/g;
        my $pathway = delete($a{'PATHWAY-ID'}) // '';

        $variants++;
        push(@{ $pathways{$pathway} },
             join(' ', map { "$_=$a{$_}" } sort keys %a));
        push(@bad, 'bad BANDWIDTH') if ($a{BANDWIDTH} // '') !~ /^[1-9]\d*$/;
        push(@bad, 'bad AVERAGE-BANDWIDTH')
            if ($a{'AVERAGE-BANDWIDTH'} // '') !~ /^[1-9]\d*$/;
        push(@bad, 'AVERAGE-BANDWIDTH over BANDWIDTH')
            if ($a{'AVERAGE-BANDWIDTH'} // 0) > ($a{BANDWIDTH} // 0);
        push(@bad, 'bad CODECS: ' . ($a{CODECS} // 'none'))
            if ($a{CODECS} // '') !~ /^"mp4a\.40\.\d+"$/;
        push(@bad, 'no URI after STREAM-INF')
            if ($lines[$i + 1] // '#') =~ /^#/;
        push(@bad, 'variant URI is not relative')
            if ($lines[$i + 1] // '') =~ m{^(?:[a-z]+:|/)}
               && keys(%pathways) < 2;
    }

    push(@bad, 'no variant') if !$variants;
    push(@bad, steering(\@lines, \%pathways));

    return @bad;
}


# Sections 4.4.6.2.1 (redundant variants) and 4.4.6.6: pathways are known by
# one tag, and have the same variants.

sub steering($lines, $pathways) {
    my @bad;
    my @tags = grep { /^#EXT-X-CONTENT-STEERING:/ } @$lines;
    my ($first, @others) = sort keys %$pathways;

    return map { "$_ without CONTENT-STEERING" } grep { length }
           keys %$pathways if !@tags;

    push(@bad, 'several CONTENT-STEERING') if @tags > 1;
    push(@bad, 'CONTENT-STEERING without SERVER-URI')
        if $tags[0] !~ /SERVER-URI="[^"]+"/;
    push(@bad, 'a variant without PATHWAY-ID') if exists $pathways->{''};

    my ($id) = $tags[0] =~ /PATHWAY-ID=("[^"]+")/;
    push(@bad, 'a PATHWAY-ID that no variant has')
        if !defined $id || !$pathways->{$id};

    for my $other (@others) {
        push(@bad, "$other has other variants than $first")
            if join("\n", @{ $pathways->{$other} })
               ne join("\n", @{ $pathways->{$first} });
    }

    return @bad;
}


1;
