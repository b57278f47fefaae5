# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Replays on disk, as tests see them: where they lie, what their playlists say,
# whether that is what a player may be given, the frames they have; and the
# location that docs/replay.md serves them with.  Also writes one, as long as
# is wanted, as if a node had been at it and been killed.

package Stentor::Replay;

use v5.36;

use Compress::Zlib ();
use File::Path ();
use JSON::PP ();
use POSIX ();

use Stentor::Media;
use Stentor::Node;


# new(dir => of "replay", stream => 'live/studio1', node => if it is served)

sub new($class, %o) {
    return bless { stream => 'live/studio1', seen => {}, %o }, $class;
}


# nginx's configuration as it is documented: (for http, for the server).

sub location($dir) {
    my $md = Stentor::Node::slurp("$Stentor::Node::TOP/docs/replay.md");
    my ($map, $location) = $md =~ /^(map .*?^\}\n).*?^server.*?^(\s+location
                                   \ \/replay\/.*?^\x20{4}\}\n)/xms
        or die "no location in docs/replay.md\n";

    $location =~ s{/var/lib/stentor/replay/}{$dir/} or die "no directory\n";

    return (http => $map, http_server => $location);
}


# The directories of all replays of the stream, oldest first.

sub starts($self) {
    my @dirs = sort(glob("$self->{dir}/$self->{stream}/[0-9]*Z"));
    return map { s{.*/}{}r } @dirs;
}


sub path($self, $start = 'latest') {
    return "$self->{dir}/$self->{stream}/$start";
}


sub url($self, $file, $start = 'latest') {
    return $self->{node}->url("/replay/$self->{stream}/$start/$file");
}


sub chapters($self, $start = 'latest') {
    my $text = Stentor::Node::slurp($self->path($start) . '/chapters.json');
    return defined $text ? JSON::PP::decode_json($text) : undef;
}


# The chapters in short, such as "live 12.0, hold 3.2".

sub story($self, $start = 'latest') {
    return join(', ', map {
        my $s = $_->{lost} // $_->{end} - $_->{start};
        sprintf('%s %.1f', $_->{kind}, $s)
    } @{ $self->chapters($start)->{chapters} });
}


# What a playlist calls a file of its own replay: it must be right wherever it
# was loaded from.

sub own($self, $uri, $start) {
    my $own = readlink($self->path($start)) // $start;
    return $uri =~ m{^\.\./\Q$own\E/([^/]+)$}
           ? $1 : die "$self->{stream}: $uri in the playlist of $own\n";
}


# A playlist: {segments => [{file, at, len, duration, discontinuity, map}],
# target, ended, text}; undef when there is none.

sub playlist($self, $rend = 'audio', $start = 'latest') {
    my $text = Stentor::Node::slurp($self->path($start) . "/$rend.m3u8")
        // return undef;
    my %p = (text => $text, ended => 0, segments => []);
    my %s;
    my $map;

    for my $line (split(/\n/, $text)) {
        if ($line =~ /^#EXTINF:([\d.]+),$/) {
            $s{duration} = $1;

        } elsif ($line =~ /^#EXT-X-BYTERANGE:(\d+)\@(\d+)$/) {
            @s{qw(len at)} = ($1, $2);

        } elsif ($line =~ /^#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)\@0"$/) {
            my $len = $2;
            $map = $self->own($1, $start);
            $p{inits}{$map} = $len;

        } elsif ($line =~ /^#EXT-X-TARGETDURATION:(\d+)$/) {
            $p{target} = $1;

        } elsif ($line eq '#EXT-X-DISCONTINUITY') {
            $s{discontinuity} = 1;

        } elsif ($line eq '#EXT-X-ENDLIST') {
            $p{ended} = 1;

        } elsif ($line !~ /^#/) {
            push(@{ $p{segments} },
                 { %s, file => $self->own($line, $start), map => $map });
            %s = ();
        }
    }

    return \%p;
}


# What is wrong with a replay's playlist and media, now and compared with what
# they were when it was last looked: an EVENT grows at its end, nothing else.

sub violations($self, $rend = 'audio', $start = 'latest') {
    my $p = $self->playlist($rend, $start) // return 'no playlist';
    my $seen = (readlink($self->path($start)) // $start) . "/$rend";
    my $was = $self->{seen}{$seen} // '';
    my @bad;

    my $body = $was =~ s/#EXT-X-ENDLIST\n\z//r;
    push(@bad, 'what was listed has changed')
        if substr($p->{text}, 0, length($body)) ne $body;
    $self->{seen}{$seen} = $p->{text};

    for my $init (sort keys %{ $p->{inits} }) {
        push(@bad, "$init has another size")
            if -s $self->path($start) . "/$init" != $p->{inits}{$init};
    }

    my (%time, %init);

    for my $s (@{ $p->{segments} }) {
        push(@bad, "EXTINF $s->{duration} above the target")
            if POSIX::floor($s->{duration} + 0.5) > $p->{target};

        my $init = $init{ $s->{map} } //= Stentor::Media::init(
            Stentor::Node::slurp($self->path($start) . "/$s->{map}"));
        my $got = 0;

        for my $f (Stentor::Media::fragments($self->bytes($s, $start),
                                             $init))
        {
            my $due = $time{ $s->{file} } //= 0;
            push(@bad, "$s->{file}: $f->{tfdt} instead of $due")
                if $f->{tfdt} != $due;
            $time{ $s->{file} } = $f->{tfdt} + $f->{duration};
            $got += $f->{duration};
        }

        push(@bad, sprintf('EXTINF %s is %.5f', $s->{duration},
                           $got / $init->{timescale}))
            if abs($s->{duration} - $got / $init->{timescale}) > 0.0001;
    }

    return @bad;
}


sub bytes($self, $s, $start = 'latest') {
    my $path = $self->path($start) . "/$s->{file}";
    open(my $f, '<:raw', $path) or die "$path: $!\n";
    seek($f, $s->{at}, 0);
    read($f, my $bytes, $s->{len}) == $s->{len}
        or die "$path ends before $s->{at} + $s->{len}\n";
    return $bytes;
}


# All frames that a playlist lists, in order.

sub frames($self, $rend = 'audio', $start = 'latest') {
    my $p = $self->playlist($rend, $start);
    my %init;

    return map {
        my $s = $_;
        $init{ $s->{map} } //= Stentor::Media::init(
            Stentor::Node::slurp($self->path($start) . "/$s->{map}"));
        map { @{ $_->{frames} } }
            Stentor::Media::fragments($self->bytes($s, $start),
                                      $init{ $s->{map} });
    } @{ $p->{segments} };
}


sub seconds($self, $rend = 'audio', $start = 'latest') {
    my $sum = 0;
    my $p = $self->playlist($rend, $start) // return 0;
    $sum += $_->{duration} for @{ $p->{segments} };
    return $sum;
}


# What ffprobe says of a file or URL: {duration, start, frames, said}.

sub probe($what) {
    my $of = 'format=duration,start_time:stream=nb_frames,codec_name';
    my $json_of = '-v warning -of json -show_entries';
    my $said = `ffprobe -hide_banner $json_of $of '$what' 2>&1`;
    my ($json) = $said =~ /(^\{.*^\})/ms;
    my $j = eval { JSON::PP::decode_json($json // '') } // {};

    return {
        said => $said =~ s/^\{.*^\}\n//msr,
        duration => $j->{format}{duration},
        start => $j->{format}{start_time},
        frames => ($j->{streams} // [])->[0]{nb_frames},
        codec => ($j->{streams} // [])->[0]{codec_name},
    };
}


# --- one that is made up

sub box($type, @body) {
    my $body = join('', @body);
    return pack('N a4', 8 + length($body), $type) . $body;
}


# The record of a part (segmenter/replay/stn_replay_record.c).

sub record(%r) {
    my $r = pack('N a4 a4 N Q> N N N Q> N N N N', 64, 'free', 'StnR',
                 ($r{live} // 1) | ($r{last} ? 4 : 0), $r{msn}, $r{part},
                 $r{rate}, 0, $r{pos}, $r{duration}, length($r{bytes}),
                 Compress::Zlib::crc32($r{bytes}), $r{lost_ms} // 0);
    return $r . pack('N', Compress::Zlib::crc32($r));
}


sub part($time, @frames) {
    my $moof = sub ($offset) {
        return box('moof',
            box('mfhd', pack('N N', 0, 1)),
            box('traf',
                box('tfhd', pack('N N N', 0x020008, 1, 1024)),
                box('tfdt', pack('N Q>', 0x01000000, $time)),
                box('trun', pack('N N N N*', 0x000201, scalar(@frames),
                                 $offset, map { length($_) } @frames))));
    };

    return $moof->(length($moof->(0)) + 8) . box('mdat', @frames);
}


# Writes a replay of that many seconds whose last part ended at end (Unix
# time), as a killed node leaves it.  init and media are of 48 kHz; with
# scattered something is missing before each of its parts, of a second.

sub make_up($self, %o) {
    my $frames = $o{media}{frames};
    my $parts = int($o{seconds} * 48000 / (47 * 1024));
    my $pos = int($o{end} * 48000) - $parts * 47 * 1024;
    my $start = POSIX::strftime('%Y%m%dT%H%M%SZ', gmtime($pos / 48000));
    my $dir = $self->path(".$start");

    File::Path::make_path($dir);
    Stentor::Node::spew("$dir/.plan",
                        "StnReplay 1 1002667 6 10000000 0\naudio\n");
    Stentor::Node::spew("$dir/audio~init.mp4", $o{init});

    my $ftyp = unpack('N', $o{init});
    open(my $f, '>:raw', "$dir/audio.m4a") or die "$dir: $!\n";
    print {$f} substr($o{init}, 0, $ftyp), pack('N a4 x8', 16, 'free'),
               substr($o{init}, $ftyp);

    for my $n (0 .. $parts - 1) {
        my @f = map { $frames->[($n * 47 + $_) % @$frames] } 0 .. 46;
        my $bytes = part($n * 47 * 1024, @f);

        print {$f} record(msn => 1000 + int($n / 6), part => $n % 6,
                          rate => 48000, pos => $pos + $n * 47 * 1024,
                          duration => 47 * 1024, last => $n % 6 == 5,
                          lost_ms => $o{scattered} ? 1 : 0,
                          bytes => $bytes), $bytes;
    }

    print {$f} $o{torn} // '';
    close($f) or die "$dir: $!\n";

    # nobody comes upon half of it
    rename($dir, $self->path($start)) or die "$dir: $!\n";

    return $start;
}


1;
