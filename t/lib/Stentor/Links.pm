# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Where documents point to: links of Markdown files to each other and to
# headings in them, and what pages of HTML load.

package Stentor::Links;

use v5.36;

use File::Find ();
use Stentor::Node;


# Markdown files below a directory, but for what is built or fetched.

sub documents($dir) {
    my @found;

    File::Find::find({ no_chdir => 1, wanted => sub {
        $File::Find::prune = 1
            if -d && m{/(?:build|node_modules|\.git)$};
        push(@found, $_) if /\.md$/ && -f;
    } }, $dir);

    return sort @found;
}


# Names of a document's headings, as links have them.

sub anchors($path) {
    my $text = (Stentor::Node::slurp($path) // '')
               =~ s/^```.*?^```//smgr;

    return map { lc(s/\[([^\]]*)\]\([^)]*\)/$1/gr =~ s/[^\w -]//gr)
                 =~ tr/ /-/r } $text =~ /^#+ (.+?)\s*$/mg;
}


# Links of these documents that lead nowhere, as "from: to".

sub broken(@paths) {
    my @bad;

    for my $from (@paths) {
        my $dir = $from =~ s{/[^/]*$}{}r;

        for my $link (Stentor::Node::slurp($from) =~ /\]\(([^)\s]+)\)/g) {
            next if $link =~ /^[a-z]+:/;

            my ($file, $anchor) = split(/#/, $link, 2);
            my $to = length($file) ? "$dir/$file" : $from;

            next if -e $to
                    && (!defined $anchor
                        || grep { $_ eq $anchor } anchors($to));
            push(@bad, "$from: $link");
        }
    }

    return @bad;
}


# What a page loads, and what that loads, by absolute path: (path => status);
# libraries of others load nothing.  get->(path) is an answer of Stentor::HTTP.

sub loads($page, $get) {
    my (%status, @todo);

    @todo = ($page);

    while (defined(my $path = shift(@todo))) {
        next if exists $status{$path};

        my $r = $get->($path);
        $status{$path} = $r->{status};
        next if $r->{status} != 200 || $path =~ m{^/vendor/};

        my $dir = ($r->{text} // '') =~ /<base href="([^"]+)"/ ? $1
                  : $path =~ s{[^/]*$}{}r;

        push(@todo, map { absolute($dir, $_) } grep { !/^(?:data|\w+):/ }
             ($r->{text} // '')
             =~ /(?:\bsrc\s*=\s*["']|<link[^>]*\bhref="|\bfrom\s+['"]
                  |\bimport\s*\(?\s*['"]|\burl\(['"]?)([^'")\s]+)/gx);
    }

    return %status;
}


sub absolute($dir, $link) {
    my $path = $link =~ m{^/} ? $link : "$dir$link";

    1 while $path =~ s{/\./}{/} || $path =~ s{/[^/]+/\.\./}{/};

    return $path =~ s/[?#].*//r;
}


1;
