# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Media for tests: AAC fixtures made with ffmpeg once and kept in build/t,
# ADTS files to frames, fragmented MP4 to structures, and what tone a stretch
# of sound has.  Everything dies on media that breaks its specification.

package Stentor::Media;

use v5.36;

use File::Path ();
use File::Temp ();

use Stentor::Node;

my @RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050,
             16000, 12000, 11025, 8000, 7350);


# --- fixtures

# fixture(freq => 440, rate => 48000, channels => 2, seconds => 6,
# bitrate => '128k'): {frames, asc, rate, channels, samples}.  Another sound
# than a sine: name => 'its name', source => a filter graph of lavfi's.

sub fixture(%o) {
    %o = (freq => 440, rate => 48000, channels => 2, seconds => 6,
          bitrate => '128k', %o);

    my $dir = "$Stentor::Node::TOP/build/t";
    File::Path::make_path($dir);

    my $path = "$dir/" . join('-', $o{name} // ('tone', $o{freq}),
                              map { $o{$_} }
                              qw(rate channels seconds bitrate)) . '.aac';

    make_fixture($path, %o) if !-s $path;

    return read_adts(Stentor::Node::slurp($path));
}


# Made beside and renamed, since several tests may want it at once.

sub make_fixture($path, %o) {
    Stentor::Node::need('ffmpeg');

    my @cmd = ('ffmpeg', '-hide_banner', '-nostats', '-loglevel', 'error',
               '-y', '-f', 'lavfi', '-i',
               $o{source} // "sine=frequency=$o{freq}:sample_rate=$o{rate}",
               '-t', $o{seconds}, '-ac', $o{channels}, '-ar', $o{rate},
               '-c:a', $o{encoder} // 'aac', '-b:a', $o{bitrate},
               '-strict', '-2', '-f', $o{format} // 'adts', "$path.$$");

    system(@cmd) == 0 or die "ffmpeg makes no fixture: $?\n";
    rename("$path.$$", $path) or die "$path: $!\n";
}


# What each codec is called in FLV (a four character code of Enhanced RTMP, or
# for MP3 the byte that FLV always had), and how ffmpeg makes it.
my %CODECS = (
    mp3 => { legacy => "\x2f", encoder => 'libmp3lame' },
    opus => { fourcc => 'Opus', encoder => 'libopus' },
    flac => { fourcc => 'fLaC', encoder => 'flac' },
    ac3 => { fourcc => 'ac-3', encoder => 'ac3' },
    eac3 => { fourcc => 'ec-3', encoder => 'eac3' },
);


# packets('opus', freq => 440, ...): like fixture(), of another codec; asc is
# what a sequence header of it has.  Undefined when this ffmpeg makes none.

sub packets($codec, %o) {
    my %c = %{ $CODECS{$codec} };

    %o = (freq => 440, rate => 48000, channels => 2, seconds => 6,
          bitrate => '128k', encoder => $c{encoder}, format => 'mp4', %o);
    return undef
        if `ffmpeg -hide_banner -encoders 2>&1` !~ /^ \S+ $c{encoder} /m;

    my $file = File::Temp->new(TEMPLATE => 'stentor-XXXXXX', TMPDIR => 1);
    make_fixture("$file", %o);
    my $bytes = Stentor::Node::slurp("$file");
    my $what = 'packet=duration,size,pos';
    my @packets = map { [ /(\d+)/g ] } grep { /\d/ }
        `ffprobe -v error -of csv=p=0 -show_entries $what $file`;

    return {
        %c, rate => $o{rate}, channels => $o{channels},
        asc => sequence_header($codec, $bytes, %o),
        samples => $packets[1][0],
        frames => [ map { substr($bytes, $_->[2], $_->[1]) } @packets ],
    };
}


# Opus: an identification header (RFC 7845 5.1), FLAC: a STREAMINFO, as dfLa
# has it behind four bytes of its own and four of a block's header.

sub sequence_header($codec, $bytes, %o) {
    return pack('a8 C C v V v C', 'OpusHead', 1, $o{channels}, 312, 48000,
                0, 0) if $codec eq 'opus';
    return substr($bytes, index($bytes, 'dfLa') + 12, 34)
        if $codec eq 'flac';
    return $codec eq 'mp3' ? undef : '';
}


# An ADTS file (ISO 14496-3 1.A.2.2): frames without headers, and the
# AudioSpecificConfig that the headers stand for.

sub read_adts($bytes) {
    my @frames;
    my ($profile, $index, $channels);

    for (my $at = 0; $at < length($bytes); ) {
        my @b = unpack('C7', substr($bytes, $at, 7));
        die "no ADTS header at $at\n"
            if @b < 7 || $b[0] != 0xff || ($b[1] & 0xf6) != 0xf0;

        my $head = $b[1] & 1 ? 7 : 9;
        my $len = ($b[3] & 3) << 11 | $b[4] << 3 | $b[5] >> 5;

        $profile = $b[2] >> 6;
        $index = $b[2] >> 2 & 15;
        $channels = ($b[2] & 1) << 2 | $b[3] >> 6;

        push(@frames, substr($bytes, $at + $head, $len - $head));
        $at += $len;
    }

    return {
        frames => \@frames,
        asc => asc($profile + 1, $index, $channels),
        rate => $RATES[$index],
        channels => $channels,
        samples => 1024,
    };
}


sub asc($type, $index, $channels) {
    return pack('n', $type << 11 | $index << 7 | $channels << 3);
}


sub rate_index($rate) {
    my ($i) = grep { $RATES[$_] == $rate } 0 .. $#RATES;
    return $i;
}


# --- fragmented MP4

# The boxes of a byte string: a list of {type, body, start, size}.

sub boxes($bytes) {
    my @out;

    for (my $at = 0; $at < length($bytes); ) {
        my ($size, $type) = unpack('N a4', substr($bytes, $at, 8));
        my $head = 8;

        die "half a box at $at\n" if length($bytes) < $at + 8;

        if ($size == 1) {
            $size = unpack('Q>', substr($bytes, $at + 8, 8));
            $head = 16;
        }

        die "box $type of $size bytes at $at is cut\n"
            if $size < $head || $at + $size > length($bytes);

        push(@out, { type => $type, start => $at, size => $size,
                     body => substr($bytes, $at + $head, $size - $head) });
        $at += $size;
    }

    return @out;
}


# The one box at a path such as moov/trak/mdia; all of them in list context.

sub box($bytes, $path) {
    my @at = ($bytes);

    for my $type (split(m{/}, $path)) {
        @at = map { $_->{body} } grep { $_->{type} eq $type }
              map { boxes($_) } @at;
    }

    return wantarray ? @at : $at[0];
}


# An init segment: {brands, timescale, asc, codecs, channels, rate, track}.

sub init($bytes) {
    my @top = map { $_->{type} } boxes($bytes);
    die "init begins with $top[0]\n" if $top[0] ne 'ftyp';
    die "init has media\n" if grep { /^(?:moof|mdat)$/ } @top;

    my $ftyp = box($bytes, 'ftyp');
    my @traks = box($bytes, 'moov/trak');
    die scalar(@traks) . " tracks\n" if @traks != 1;

    my $mdhd = box($traks[0], 'mdia/mdhd') // die "no mdhd\n";
    my $version = ord($mdhd);
    my $stsd = box($traks[0], 'mdia/minf/stbl/stsd') // die "no stsd\n";
    my ($entry) = boxes(substr($stsd, 8));
    die "sample entry $entry->{type}\n" if $entry->{type} ne 'mp4a';

    my $trex = box($bytes, 'moov/mvex/trex') // die "no trex\n";
    my $esds = box(substr($entry->{body}, 28), 'esds') // die "no esds\n";
    my $es = esds(substr($esds, 4));
    my ($edits) = box($traks[0], 'edts/elst');

    return {
        brands => [ substr($ftyp, 0, 4),
                    unpack('(a4)*', substr($ftyp, 8)) ],
        timescale => unpack('N', substr($mdhd, $version ? 20 : 12, 4)),
        channels => unpack('n', substr($entry->{body}, 16, 2)),
        rate => unpack('n', substr($entry->{body}, 24, 2)),
        track => unpack('N', substr($trex, 4, 4)),
        trex_duration => unpack('N', substr($trex, 12, 4)),
        trex_size => unpack('N', substr($trex, 16, 4)),
        asc => $es->{asc},
        codecs => sprintf('mp4a.%02x.%d', $es->{object}, $es->{type}),
        edits => $edits,
        stts => unpack('N', substr(box($traks[0],
                                       'mdia/minf/stbl/stts'), 4, 4)),
    };
}


# The descriptors in an esds (ISO 14496-1 7.2.6): object type indication,
# AudioSpecificConfig and its audio object type.

sub esds($b) {
    my %out;

    while (length($b) >= 2) {
        my $tag = ord(substr($b, 0, 1, ''));
        my $len = 0;

        while (length($b)) {
            my $c = ord(substr($b, 0, 1, ''));
            $len = $len << 7 | $c & 127;
            last if $c < 128;
        }

        if ($tag == 3) {
            substr($b, 0, 3, '');

        } elsif ($tag == 4) {
            $out{object} = ord($b);
            substr($b, 0, 13, '');

        } else {
            $out{asc} = substr($b, 0, $len) if $tag == 5;
            substr($b, 0, $len, '');
        }
    }

    $out{type} = ord($out{asc}) >> 3;
    return \%out;
}


# A part or a segment: a list of fragments {seq, tfdt, duration (sum),
# durations, sizes, frames}.  trex supplies an init()'s defaults.

sub fragments($bytes, $trex = {}) {
    my @out;
    my $moof;

    for my $b (boxes($bytes)) {
        if ($b->{type} eq 'moof') {
            die "two moof in a row\n" if $moof;
            $moof = $b;

        } elsif ($b->{type} eq 'mdat') {
            die "mdat without moof\n" if !$moof;
            push(@out, fragment($bytes, $moof, $b, $trex));
            $moof = undef;

        } elsif ($b->{type} !~ /^(?:styp|prft|sidx|emsg|free)$/) {
            die "box $b->{type} in media\n";
        }
    }

    die "moof without mdat\n" if $moof;
    die "no fragment\n" if !@out;

    return @out;
}


sub fragment($bytes, $moof, $mdat, $trex) {
    my $mfhd = box($moof->{body}, 'mfhd') // die "no mfhd\n";
    my @trafs = box($moof->{body}, 'traf');
    die scalar(@trafs) . " traf\n" if @trafs != 1;

    my $tfhd = tfhd(box($trafs[0], 'tfhd'), $trex);
    my $tfdt = box($trafs[0], 'tfdt') // die "no tfdt\n";
    my @truns = box($trafs[0], 'trun');
    die scalar(@truns) . " trun\n" if @truns != 1;

    my %f = (
        seq => unpack('N', substr($mfhd, 4, 4)),
        version => ord($tfdt),
        tfdt => ord($tfdt) ? unpack('Q>', substr($tfdt, 4, 8))
                           : unpack('N', substr($tfdt, 4, 4)),
        %{ trun($truns[0], $tfhd) },
    );

    my $at = $moof->{start} + $f{offset};
    my $end = $mdat->{start} + $mdat->{size};

    for my $size (@{ $f{sizes} }) {
        die "sample data outside its mdat\n"
            if $at < $mdat->{start} + 8 || $at + $size > $end;
        push(@{ $f{frames} }, substr($bytes, $at, $size));
        $at += $size;
    }

    die "bytes in mdat that no sample owns\n" if $at != $end;

    $f{duration} += $_ for @{ $f{durations} };

    return \%f;
}


sub tfhd($b, $trex) {
    my $flags = unpack('N', $b) & 0xffffff;
    my $at = 8;
    my %h = (duration => $trex->{trex_duration}, size => $trex->{trex_size});

    die "base data offset in a traf\n" if $flags & 1;
    die "no default-base-is-moof\n" if !($flags & 0x20000);

    $at += 4 if $flags & 2;

    if ($flags & 8) {
        $h{duration} = unpack('N', substr($b, $at, 4));
        $at += 4;
    }

    if ($flags & 16) {
        $h{size} = unpack('N', substr($b, $at, 4));
    }

    return \%h;
}


sub trun($b, $tfhd) {
    my $flags = unpack('N', $b) & 0xffffff;
    my $count = unpack('N', substr($b, 4, 4));
    my $at = 8;
    my %t = (durations => [], sizes => [], frames => [], duration => 0);

    die "no data offset\n" if !($flags & 1);
    $t{offset} = unpack('l>', substr($b, $at, 4));
    $at += 4;
    $at += 4 if $flags & 4;

    for (1 .. $count) {
        my ($duration, $size) = ($tfhd->{duration}, $tfhd->{size});

        if ($flags & 0x100) {
            $duration = unpack('N', substr($b, $at, 4));
            $at += 4;
        }

        if ($flags & 0x200) {
            $size = unpack('N', substr($b, $at, 4));
            $at += 4;
        }

        $at += 4 if $flags & 0x400;
        $at += 4 if $flags & 0x800;

        push(@{ $t{durations} }, $duration // die "no sample duration\n");
        push(@{ $t{sizes} }, $size // die "no sample size\n");
    }

    return \%t;
}


# --- sound

# The strongest tone of signed 16-bit mono samples, in Hz: a Goertzel filter
# over a coarse and then a fine comb.  Undefined for silence.

sub tone($pcm, $rate, $low = 200, $high = 2000) {
    my @s = unpack('s<*', $pcm);
    return undef if @s < $rate / 4;

    my $best = loudest(\@s, $rate, $low, $high, 20, int($rate / 8)) // return;
    return loudest(\@s, $rate, $best - 20, $best + 20, 2, $rate);
}


sub loudest($s, $rate, $low, $high, $step, $n) {
    $n = @$s if $n > @$s;
    my ($best, $most) = (undef, $n * 100);

    for (my $f = $low; $f <= $high; $f += $step) {
        my $p = goertzel($s, $rate, $f, $n);
        ($best, $most) = ($f, $p) if $p > $most;
    }

    return $best;
}


sub goertzel($s, $rate, $freq, $n) {
    my $c = 2 * cos(2 * 3.14159265358979 * $freq / $rate);
    my ($a, $b) = (0, 0);

    for my $x (@$s[0 .. $n - 1]) {
        ($a, $b) = ($x + $c * $a - $b, $a);
    }

    return ($a * $a + $b * $b - $c * $a * $b) / $n;
}


# An init segment and its media to 8 kHz mono samples, through ffmpeg.

sub decode($init, @media) {
    my ($file, $path) = File::Temp::tempfile('stentor-XXXXXX', TMPDIR => 1);
    close($file);
    Stentor::Node::spew($path, join('', $init, @media));

    open(my $pipe, '-|:raw', 'ffmpeg', '-hide_banner', '-loglevel', 'fatal',
         '-i', $path, '-ac', 1, '-ar', 8000, '-f', 's16le', '-')
        or die "ffmpeg: $!\n";
    my $pcm = do { local $/; readline($pipe) };
    close($pipe);
    unlink($path);

    return $pcm // '';
}


1;
