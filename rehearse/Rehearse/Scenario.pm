# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A scenario: who comes when, what happens meanwhile, and what is bearable.
# A plain file, a line for each thing, "#" begins a comment:
#
#     title TEXT                     what it is, in a line
#     listeners N                    what 100% is (--listeners changes it)
#     length TIME
#     players KIND SHARE% ...        who comes, if a join does not say
#     join FROM..TO SHARE% [rising] [KIND [SHARE%] ...]
#     at TIME cut TIME               all lose their connections, and come
#                                    again within that time
#     at TIME churn TIME             who comes from then on stays that long,
#                                    on average, and another one comes
#     at TIME run COMMAND            by the shell; only with --run
#     slow N kbit/s                  the line of slow readers
#     need NAME TEXT                 a variable of the environment that the
#                                    commands want, and what it is
#     limit NAME VALUE               see Rehearse::Limits
#
# Times are 30s, 250ms or 2m.

package Rehearse::Scenario;

use v5.36;

use Rehearse::Limits;

our @KINDS = qw(low-latency classic preload slow playlist-only one-part
                connect-only slow-loris malformed);
my %KIND = map { $_ => 1 } @KINDS;

my %LINE = (
    title => \&line_title,
    listeners => \&line_listeners,
    length => \&line_length,
    players => \&line_players,
    join => \&line_join,
    at => \&line_at,
    slow => \&line_slow,
    need => \&line_need,
    limit => \&line_limit,
);

my %HAPPENS = (cut => \&time_of, churn => \&time_of, run => sub ($s) { $s });


# read(file): the scenario; dies with "file:line: what" when it is none.

sub read($class, $path) {
    open(my $f, '<', $path) or die "$path: $!\n";

    my @lines = <$f>;
    return $class->parse($path, @lines);
}


sub parse($class, $path, @lines) {
    my $self = bless {
        name => $path =~ s{.*/}{}r =~ s/\.conf$//r,
        title => '', listeners => 100, length => undef,
        players => { 'low-latency' => 1 }, joins => [], events => [],
        needs => [], limits => [], slow => 8000,
    }, $class;

    for my $i (0 .. $#lines) {
        my $s = $lines[$i] =~ s/(?:^|\s)#.*//sr =~ s/^\s+|\s+$//gr;
        next if $s eq '';

        my ($word, $rest) = split(' ', $s, 2);
        my $line = $LINE{$word};

        eval {
            die "\"$word\" is nothing that a scenario says\n" if !$line;
            die "$word what?\n" if !length($rest // '');
            $line->($self, $rest);
            1;
        } or die "$path:" . ($i + 1) . ": $@";
    }

    die "$path: it has no length\n" if !defined $self->{length};
    die "$path: nobody joins\n" if !@{ $self->{joins} };

    for my $what (@{ $self->{joins} }, @{ $self->{events} }) {
        die "$path: something happens after its end\n"
            if ($what->{to} // $what->{at}) > $self->{length};
    }

    return $self;
}


sub line_title($self, $s) { $self->{title} = $s }


sub line_listeners($self, $s) {
    die "how many listeners?\n" if $s !~ /^[1-9]\d*$/;
    $self->{listeners} = $s;
}


sub line_length($self, $s) { $self->{length} = time_of($s) }


sub line_players($self, $s) { $self->{players} = mix($s) }


sub line_slow($self, $s) {
    my ($kbit) = $s =~ m{^([\d.]+) kbit/s$} or die "so many kbit/s\n";
    $self->{slow} = int($kbit * 1000 / 8);
}


sub line_need($self, $s) {
    my ($name, $text) = $s =~ /^([A-Z_]+)\s+(.*)$/ or die "NAME and a text\n";
    push(@{ $self->{needs} }, { name => $name, text => $text });
}


sub line_join($self, $s) {
    my ($from, $to, $share, $rest) =
        $s =~ /^(\S+?)\.\.(\S+)\s+([\d.]+)%\s*(.*)$/
        or die "join FROM..TO SHARE%\n";
    my $rising = $rest =~ s/^rising\b\s*//;

    my $join = {
        from => time_of($from), to => time_of($to), share => $share / 100,
        rising => $rising, mix => length($rest) ? mix($rest) : undef,
    };

    die "it ends before it begins\n" if $join->{to} < $join->{from};
    push(@{ $self->{joins} }, $join);
}


sub line_at($self, $s) {
    my ($at, $what, $value) = $s =~ /^(\S+)\s+(\w+)\s+(.*)$/
        or die "at TIME WHAT VALUE\n";
    my $read = $HAPPENS{$what} or die "what is \"$what\"?\n";

    push(@{ $self->{events} }, { at => time_of($at), what => $what,
                                 value => $read->($value) });
}


sub line_limit($self, $s) {
    push(@{ $self->{limits} }, Rehearse::Limits::read($s));
}


# "KIND", or "KIND SHARE% KIND SHARE% ..": {kind => share}.

sub mix($s) {
    my @words = split(' ', $s);
    my %mix;

    while (@words) {
        my $kind = shift(@words);
        my $share = @words && $words[0] =~ /^([\d.]+)%$/ ? $1 : 100;

        shift(@words) if @words && $words[0] =~ /%$/;
        die "there is no kind \"$kind\"\n" if !$KIND{$kind};
        $mix{$kind} += $share;
    }

    return \%mix;
}


# Seconds.

sub time_of($s) {
    my ($n, $unit) = $s =~ /^(\d+(?:\.\d+)?)(ms|s|m|)$/
        or die "\"$s\" is no time\n";
    return $n * { ms => 0.001, s => 1, m => 60, '' => 1 }->{$unit};
}


# Everything happens in an Nth of its time; limits stay as they are.

sub hurry($self, $n) {
    $self->{length} /= $n;
    $_->{from} /= $n, $_->{to} /= $n for @{ $self->{joins} };

    for my $event (@{ $self->{events} }) {
        $event->{at} /= $n;
        $event->{value} /= $n if $event->{what} ne 'run';
    }

    return $self;
}


# What there is of listeners and bots in all, with so many listeners as 100%.

sub all($self, $listeners) {
    my $sum = 0;
    $sum += int($_->{share} * $listeners + 0.5) for @{ $self->{joins} };
    return $sum;
}


# The connections that they have: who preloads has two.

sub connections($self, $listeners) {
    my $sum = 0;

    for my $join (@{ $self->{joins} }) {
        my $mix = $join->{mix} // $self->{players};
        my $all = 0;

        $all += $_ for values %$mix;
        $sum += $join->{share} * $listeners
                * (1 + ($mix->{preload} // 0) / $all);
    }

    return $sum;
}


1;
