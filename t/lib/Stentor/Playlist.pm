# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A strict reader of media playlists (draft-pantos-hls-rfc8216bis): parses
# every line, tag and attribute and keeps a list of what it would not take.
# Unlike a player it forgives nothing, so that the node never depends on a
# player's good will.  The rules over a whole playlist, and over two versions
# of one, are in Stentor::Conformance.

package Stentor::Playlist;

use v5.36;

use Time::Local ();

# Attributes: d decimal integer, f decimal number, q quoted string, e one of
# the words after the colon; ! marks those that must be there.

my %ATTRIBUTES = (
    'EXT-X-SERVER-CONTROL' => {
        'CAN-BLOCK-RELOAD' => 'e:YES', 'PART-HOLD-BACK' => 'f',
        'HOLD-BACK' => 'f', 'CAN-SKIP-UNTIL' => 'f',
        'CAN-SKIP-DATERANGES' => 'e:YES',
    },
    'EXT-X-PART-INF' => { 'PART-TARGET' => '!f' },
    'EXT-X-MAP' => { URI => '!q', BYTERANGE => 'q' },
    'EXT-X-PART' => {
        URI => '!q', DURATION => '!f', INDEPENDENT => 'e:YES',
        GAP => 'e:YES', BYTERANGE => 'q',
    },
    'EXT-X-PRELOAD-HINT' => {
        TYPE => '!e:PART,MAP', URI => '!q', 'BYTERANGE-START' => 'd',
        'BYTERANGE-LENGTH' => 'd',
    },
    'EXT-X-RENDITION-REPORT' => {
        URI => '!q', 'LAST-MSN' => '!d', 'LAST-PART' => 'd',
    },
    'EXT-X-SKIP' => {
        'SKIPPED-SEGMENTS' => '!d', 'RECENTLY-REMOVED-DATERANGES' => 'q',
    },
    'EXT-X-DATERANGE' => undef,        # any attributes
    'EXT-X-DEFINE' => undef,
);

# Tags with one value, and what it looks like.

my %VALUES = (
    'EXT-X-VERSION' => qr/^[1-9]\d*$/,
    'EXT-X-TARGETDURATION' => qr/^[1-9]\d*$/,
    'EXT-X-MEDIA-SEQUENCE' => qr/^(?:0|[1-9]\d*)$/,
    'EXT-X-DISCONTINUITY-SEQUENCE' => qr/^(?:0|[1-9]\d*)$/,
    'EXT-X-PROGRAM-DATE-TIME' =>
        qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)$/,
    'EXTINF' => qr/^\d+(?:\.\d+)?,/,
);

my %BARE = map { $_ => 1 } qw(EXTM3U EXT-X-DISCONTINUITY EXT-X-GAP
                              EXT-X-ENDLIST EXT-X-INDEPENDENT-SEGMENTS);

my %ONCE = map { $_ => 1 } qw(EXTM3U EXT-X-VERSION EXT-X-TARGETDURATION
    EXT-X-MEDIA-SEQUENCE EXT-X-DISCONTINUITY-SEQUENCE EXT-X-SERVER-CONTROL
    EXT-X-PART-INF EXT-X-SKIP EXT-X-ENDLIST EXT-X-INDEPENDENT-SEGMENTS);

# Before any segment, part or skip.
my %EARLY = map { $_ => 1 } qw(EXT-X-VERSION EXT-X-TARGETDURATION
    EXT-X-MEDIA-SEQUENCE EXT-X-DISCONTINUITY-SEQUENCE EXT-X-SERVER-CONTROL
    EXT-X-PART-INF EXT-X-INDEPENDENT-SEGMENTS);


# parse(text): {version, td, mseq, dseq, control, part_target, skip, ended,
# segments, open, hints, reports, violations}.  A segment is {msn, uri,
# duration, extinf, pdt, pdt_ms, map, disc, dcn, gap, parts}; open is the
# segment being built: the same without uri and duration.

sub parse($text) {
    my $p = bless {
        text => $text, violations => [], segments => [], hints => [],
        reports => [], count => {}, skip => 0, map => undef, dcn => undef,
    }, __PACKAGE__;

    $p->check_text($text);
    $p->{open} = $p->fresh_segment();

    for my $line (split(/\r?\n/, $text)) {
        $p->line($line);
    }

    $p->{ended} = $p->{count}{'EXT-X-ENDLIST'} ? 1 : 0;
    $p->number();

    return $p;
}


sub bad($self, $what) {
    push(@{ $self->{violations} }, $what);
}


sub check_text($self, $text) {
    $self->bad('does not begin with #EXTM3U')
        if $text !~ /^#EXTM3U\r?\n/;
    $self->bad('byte order mark') if $text =~ /^\xef\xbb\xbf/;
    $self->bad('no end of line at the end') if $text !~ /\n\z/;
    $self->bad('LF and CRLF mixed')
        if $text =~ /\r\n/ && $text =~ /(?<!\r)\n/;
    $self->bad('control characters') if $text =~ /[\x00-\x09\x0b\x0c\x0e-\x1f]/;
}


sub fresh_segment($self) {
    return { parts => [], map => $self->{map}, lines => [] };
}


sub line($self, $line) {
    $self->bad("stray blank: '$line'") if $line =~ /^\s|\s$/;
    $self->bad('empty line') if $line eq '';
    return if $line eq '';

    push(@{ $self->{open}{lines} }, $line);

    if ($line !~ /^#/) {
        $self->uri($line);
        return;
    }

    my ($tag, $value) = $line =~ /^#(EXT[A-Z0-9-]*)(?::(.*))?$/;

    if (!defined $tag) {
        $self->bad("comment: $line");
        return;
    }

    $self->bad("$tag twice") if $self->{count}{$tag}++ && $ONCE{$tag};
    $self->bad("$tag after media") if $EARLY{$tag} && $self->media_begun();

    $self->tag($tag, $value);
}


sub media_begun($self) {
    return @{ $self->{segments} } || @{ $self->{open}{parts} }
           || $self->{skip};
}


sub tag($self, $tag, $value) {
    if ($BARE{$tag}) {
        $self->bad("$tag with a value") if defined $value;
        $self->bare($tag);

    } elsif (exists $VALUES{$tag}) {
        $self->bad("$tag: bad value '" . ($value // '') . "'")
            if ($value // '') !~ $VALUES{$tag};
        $self->value($tag, $value // '');

    } elsif (exists $ATTRIBUTES{$tag}) {
        $self->attributes_of($tag, $self->attributes($tag, $value // ''));

    } else {
        $self->bad("unexpected tag $tag");
    }
}


sub bare($self, $tag) {
    my $seg = $self->{open};

    if ($tag eq 'EXT-X-DISCONTINUITY') {
        $self->bad('DISCONTINUITY after parts of its segment')
            if @{ $seg->{parts} };
        $seg->{disc} = 1;

    } elsif ($tag eq 'EXT-X-GAP') {
        $seg->{gap} = 1;
    }
}


sub value($self, $tag, $value) {
    my $seg = $self->{open};

    if ($tag eq 'EXTINF') {
        $self->bad('two EXTINF for one segment') if defined $seg->{extinf};
        $seg->{extinf} = $value;
        ($seg->{duration}) = $value =~ /^([\d.]+)/;
        $seg->{duration} //= 0;

    } elsif ($tag eq 'EXT-X-PROGRAM-DATE-TIME') {
        $self->bad('PROGRAM-DATE-TIME after parts of its segment')
            if @{ $seg->{parts} };
        $self->bad('two PROGRAM-DATE-TIME for one segment')
            if defined $seg->{pdt};
        $seg->{pdt} = $value;
        $seg->{pdt_ms} = pdt_ms($value);

    } else {
        my %field = (
            'EXT-X-VERSION' => 'version',
            'EXT-X-TARGETDURATION' => 'td',
            'EXT-X-MEDIA-SEQUENCE' => 'mseq',
            'EXT-X-DISCONTINUITY-SEQUENCE' => 'dseq',
        );
        $self->{ $field{$tag} } = $value;
    }
}


sub attributes_of($self, $tag, $a) {
    my $seg = $self->{open};

    if ($tag eq 'EXT-X-MAP') {
        $self->bad('MAP after parts of its segment') if @{ $seg->{parts} };
        $self->{map} = $seg->{map} = $a->{URI};

    } elsif ($tag eq 'EXT-X-PART') {
        $self->bad('part after EXTINF') if defined $seg->{extinf};
        $self->bad('part after a hint') if @{ $self->{hints} };
        $a->{URI} //= '';
        $a->{DURATION} //= 0;
        push(@{ $seg->{parts} }, $a);

    } elsif ($tag eq 'EXT-X-PRELOAD-HINT') {
        $self->bad('hint after a report') if @{ $self->{reports} };
        $a->{URI} //= '';
        push(@{ $self->{hints} }, $a);

    } elsif ($tag eq 'EXT-X-RENDITION-REPORT') {
        push(@{ $self->{reports} }, $a);

    } elsif ($tag eq 'EXT-X-SKIP') {
        $self->bad('SKIP after media') if $self->media_begun();
        $self->bad('SKIP of nothing') if !$a->{'SKIPPED-SEGMENTS'};
        $self->{skip} = $a->{'SKIPPED-SEGMENTS'} // 0;

    } elsif ($tag eq 'EXT-X-SERVER-CONTROL') {
        $self->{control} = $a;

    } elsif ($tag eq 'EXT-X-PART-INF') {
        $self->{part_target} = $a->{'PART-TARGET'};
    }
}


sub uri($self, $uri) {
    my $seg = $self->{open};

    $self->bad("URI without EXTINF: $uri") if !defined $seg->{extinf};
    $self->bad("segment after a hint: $uri") if @{ $self->{hints} };
    $self->bad("segment after a report: $uri") if @{ $self->{reports} };

    $seg->{uri} = $uri;
    $seg->{duration} //= 0;
    push(@{ $self->{segments} }, $seg);
    $self->{open} = $self->fresh_segment();
}


# Splits an attribute list (section 4.2) and checks it against the table.

sub attributes($self, $tag, $list) {
    my $spec = $ATTRIBUTES{$tag};
    my %a;

    while ($list =~ /\G([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,(?=.)|$)/gc) {
        my ($name, $value) = ($1, $2);

        $self->bad("$tag: $name twice") if exists $a{$name};
        $self->bad("$tag: unknown $name")
            if $spec && !exists $spec->{$name};
        $self->attribute($tag, $name, $value, $spec->{$name} // '')
            if $spec;

        $a{$name} = $value =~ s/^"(.*)"$/$1/r;
    }

    $self->bad("$tag: bad attribute list '$list'")
        if (pos($list) // 0) < length($list) || $list eq '';

    for my $name (sort keys %{ $spec // {} }) {
        $self->bad("$tag without $name")
            if $spec->{$name} =~ /^!/ && !exists $a{$name};
    }

    return \%a;
}


sub attribute($self, $tag, $name, $value, $spec) {
    my ($type, $words) = $spec =~ /^!?([dfqe]?)(?::(.*))?$/;

    my $ok = $type eq 'd' ? $value =~ /^(?:0|[1-9]\d{0,19})$/
           : $type eq 'f' ? $value =~ /^\d+(?:\.\d+)?$/
           : $type eq 'q' ? $value =~ /^".+"$/
           : $type eq 'e' ? (grep { $_ eq $value } split(/,/, $words))
           : 1;

    $self->bad("$tag: bad $name=$value") if !$ok;
}


# Media sequence and discontinuity numbers, once everything is known.

sub number($self) {
    my $msn = ($self->{mseq} // 0) + $self->{skip};
    my $dcn = $self->{dseq} // 0;

    for my $seg (@{ $self->{segments} }, $self->{open}) {
        $dcn++ if $seg->{disc};
        $seg->{msn} = $msn++;
        $seg->{dcn} = $dcn;
    }
}


# Milliseconds since the epoch.

sub pdt_ms($text) {
    my ($y, $mo, $d, $h, $mi, $s, $ms, $zone) = $text =~
        /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{3})(Z|[+-]\d\d:\d\d)$/
        or return undef;

    my $t = eval { Time::Local::timegm_modern($s, $mi, $h, $d, $mo - 1, $y) }
        // return undef;

    if ($zone =~ /^([+-])(\d\d):(\d\d)/) {
        $t -= ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60);
    }

    return $t * 1000 + $ms;
}


# --- what tests ask

# msn of the newest whole segment.

sub last_msn($self) {
    return $self->{open}{msn} - 1;
}


# (msn, index) of the newest part listed; nothing when no part is.

sub last_part($self) {
    for my $seg ($self->{open}, reverse @{ $self->{segments} }) {
        my $n = @{ $seg->{parts} };
        return ($seg->{msn}, $n - 1) if $n;
    }

    return;
}


# (msn, index) that a player asks for next, as hls.js and Media3 do.

sub next_part($self) {
    return ($self->{open}{msn}, scalar(@{ $self->{open}{parts} }));
}


# Every part listed: [msn, index, attributes].

sub all_parts($self) {
    return map {
        my $seg = $_;
        map { [ $seg->{msn}, $_, $seg->{parts}[$_] ] }
            0 .. $#{ $seg->{parts} };
    } @{ $self->{segments} }, $self->{open};
}


sub segment($self, $msn) {
    my ($seg) = grep { $_->{msn} == $msn }
                @{ $self->{segments} }, $self->{open};
    return $seg;
}


1;
